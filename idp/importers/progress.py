"""How far an import is: a bar on a terminal, and elsewhere a line now and then."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.core.management.base import OutputWrapper

#: What readers call with the share of a file that they have read, from 0 to 1.
Tell = Callable[[float], object]

#: Seconds between two lines, on a terminal and elsewhere.
_EVERY = {True: 0.2, False: 10.0}
_WIDTH = 20
#: The share after which it is told how long the rest may take.
_SOON = 0.02
_CLEARED = "\r\x1b[K"


@dataclass
class Reached:
    """How much of a source's people has been read, from 0 to 1."""

    share: float = 0.0

    def tell(self, share: float, number: int = 0, of: int = 1) -> None:
        """Note the share that is read of one of several files of about the same length."""
        self.share = (number + share) / of


class Bar:
    """Shows how far an import is."""

    def __init__(self, out: OutputWrapper, reached: Reached) -> None:
        self._out, self._reached = out, reached
        self._is_terminal = out.isatty()
        self._began = self._shown_at = time.monotonic()

    def show(self, done: int) -> None:
        """Show how many rows are done, if it was not just shown."""
        now = time.monotonic()
        if now - self._shown_at < _EVERY[self._is_terminal]:
            return
        self._shown_at = now
        text = self._text(done, now - self._began)
        if self._is_terminal:
            full = round(min(self._reached.share, 1.0) * _WIDTH)
            line = f"[{'#' * full}{'.' * (_WIDTH - full)}] {text}"
            self._write(_CLEARED + line[: shutil.get_terminal_size().columns - 1])
        else:
            self._write(f"{text}\n")

    def clear(self) -> None:
        """Make room for other lines."""
        if self._is_terminal:
            self._write(_CLEARED)

    def _text(self, done: int, seconds: float) -> str:
        share = min(self._reached.share, 1.0)
        text = f"{share:4.0%}  {done:,} rows, {done / seconds:,.0f} a second"
        if share > _SOON:
            text += f", {_duration(seconds * (1 - share) / share)} left"
        return text

    def _write(self, text: str) -> None:
        self._out.write(text, style_func=str, ending="")
        self._out.flush()


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
