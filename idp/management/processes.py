"""The processes of `serve`: none outlives its parent, and a crashed one is restarted after a delay.

Built on granian's server, whose own rule stops everything if one process dies twice within seconds.
"""

import gc
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer

from foundation import mail, metrics, traces
from foundation.postgresql import waits

log = structlog.get_logger(__name__)
#: How long a process has to live, in seconds, to be begun again at once; and the pause otherwise.
_LIVES_LONGER_THAN = 10
_PAUSE = 5
#: Seconds for requests in progress, and then mail, after the server is asked to stop.
_STOPS_WITHIN = 15
_MAIL_LEAVES_WITHIN = 4
#: The signals that ask to stop.
_TO_STOP = (signal.SIGTERM, signal.SIGINT)
#: After how many new objects Python looks for garbage in a process that goes on for long.
_OBJECTS_BETWEEN_LOOKS = 50_000


class PortTakenError(Exception):
    """The address is in use already, or is not one of this machine's."""


class RequestServer(MPServer):
    """Serves `idp.wsgi` in some processes, each with some threads."""

    def __init__(self, *, host: str, port: int, processes: int, threads: int, logs: Any) -> None:
        super().__init__(
            "idp.wsgi:application",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            websockets=False,
            workers=processes,
            # Working threads, as many waiting ones, and those beyond (foundation.slots).
            blocking_threads=2 * threads + settings.IDP_WAITING,
            log_access=False,
            log_level=LogLevels(settings.IDP_LOG_LEVEL.lower()),
            log_dictconfig=logs,
            respawn_failed_workers=True,
            workers_kill_timeout=_STOPS_WITHIN,
        )
        logging.getLogger("_granian").addFilter(_is_no_warning_of_many_threads)
        self._threads = threads
        self._begun_at: dict[int, float] = {}

    def _spawn_worker(  # type: ignore[override]  # as granian's own, for processes
        self, idx: int, target: Callable[..., None], callback_loader: Any
    ) -> Any:
        """Start a process; after one that lived for seconds only, it waits before it serves."""
        now = time.monotonic()
        age = now - self._begun_at.get(idx, float("-inf"))
        self._begun_at[idx] = now
        pause = _PAUSE if age < _LIVES_LONGER_THAN else 0
        if pause:
            log.error("process_pauses", process=idx + 1, seconds=pause)
        begin = partial(_serve_requests, target, os.getpid(), pause, self._threads)
        return super()._spawn_worker(idx, begin, callback_loader)

    def _respawn_workers(self, *args: Any, **kwargs: Any) -> None:
        """Begin processes again, and forget that they died: granian would give up all of them."""
        super()._respawn_workers(*args, **kwargs)
        self.respawned_wrks.clear()


def _is_no_warning_of_many_threads(record: logging.LogRecord) -> bool:
    """Whether a line of granian's is worth reading: that there are many threads is meant."""
    return not record.getMessage().startswith("Configuration allows spawning up to")


def _serve_requests(
    target: Callable[..., None], parent: int, pause: float, threads: int, *arguments: Any
) -> None:
    """Serve requests in a process until a signal or until the parent ends."""
    end_with(parent)
    time.sleep(pause)
    waits.limit(threads)
    if metrics.instruments:
        metrics.instruments.connections_limit.set(threads)
    traces.begin()
    sender = mail.start_sending()
    try:
        target(*arguments)
    finally:
        sender.stop(_MAIL_LEAVES_WITHIN)
        traces.end()


def look_for_garbage_seldom() -> None:
    """Let Python look for garbage seldom, and never in what is loaded, which stays.

    A request makes some thousand objects: at Python's own threshold, 700, a fifth of the processor
    time goes into looking. Forked processes share what is left alone.
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_LOOKS)


def stop_at_once_after_forks() -> None:
    """Let a signal to stop end a process that this one has just forked.

    It begins with its parent's handlers, which would swallow the signal. Until these are gone, the
    signal is blocked, so that it is delivered then.
    """

    def begin() -> None:
        for number in _TO_STOP:
            signal.signal(number, signal.SIG_DFL)  # until granian sets handlers of its own
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _TO_STOP)

    os.register_at_fork(
        before=partial(signal.pthread_sigmask, signal.SIG_BLOCK, _TO_STOP),
        after_in_parent=partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, _TO_STOP),
        after_in_child=begin,
    )


def end_with(parent: int, grace: float = 3) -> None:
    """End this process when its parent is gone, however that ended: it would hold the port.

    It is asked to stop first, and has `grace` seconds for it.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        log.error("parent_gone", parent=parent)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def address_of(bind: str) -> tuple[str, int]:
    """Return the host and port of `HOST:PORT`, where an IPv6 address is in brackets.

    Raises ValueError.
    """
    host, _colon, port = bind.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()):
        raise ValueError(f"{bind} is not HOST:PORT, such as 127.0.0.1:8000")
    return host.strip("[]"), int(port)


def hold_port(host: str, port: int) -> socket.socket:
    """Raise PortTakenError if the port is in use, and reserve it for our processes.

    They share it (SO_REUSEPORT), and would share it with another server, too. The returned socket
    never listens.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as alone:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind(address)
        held = socket.socket(family)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(address)
    except OSError as problem:
        raise PortTakenError(f"{host}:{port}: {problem.strerror}") from problem
    return held
