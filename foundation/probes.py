"""Checks that may hang: asked of a thread of their own, and waited for only so long."""

import threading
from collections.abc import Callable

Problems = dict[str, str]


class Probe:
    """A health check that one thread runs, for all concurrent callers.

    Its thread stays, and with it its connection to the database.
    """

    def __init__(self, part: str, check: Callable[[], Problems]) -> None:
        self._part, self._check = part, check
        self._changed = threading.Condition()
        self._asked = self._answered = 0
        self._problems: Problems = {}
        self._started = False

    def problems(self, seconds: float) -> Problems:
        """Return the problems that a check finds which begins now: parts, and the problem of each.

        It is a problem, too, if the check takes longer than `seconds`.
        """
        with self._changed:
            self._asked += 1
            asked = self._asked
            self._changed.notify_all()
            self._start()
            if self._changed.wait_for(lambda: self._answered >= asked, seconds):
                return self._problems
            return {self._part: "no answer"}

    def _start(self) -> None:
        if not self._started:
            self._started = True
            threading.Thread(target=self._run, name=f"probe-{self._part}", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked > self._answered)
                asked = self._asked
            problems = self._check()
            with self._changed:
                self._answered, self._problems = asked, problems
                self._changed.notify_all()
