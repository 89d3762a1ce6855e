"""Ports for what tests start."""

import atexit
import secrets
import socket
from contextlib import ExitStack, suppress

#: Above the last that browsers and Node.js never ask, 10080 (Fetch, "bad port"), and below those
#: from which the kernel takes the near ends of connections.
_RANGE = range(10_081, 32_000)
#: A port is ours while its UDP twin is: then no other test process gets it.
_ours = ExitStack()
atexit.register(_ours.close)


def free_port(*beside: int) -> int:
    """Return a TCP port that nothing listens at, nor at those so far above it."""
    while True:
        port = secrets.choice(_RANGE)
        with ExitStack() as twins, suppress(OSError):
            for number in (port, *(port + far for far in beside)):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
                twin = twins.enter_context(socket.socket(type=socket.SOCK_DGRAM))
                twin.bind(("127.0.0.1", number))
            _ours.push(twins.pop_all())
            return port


def free_address() -> str:
    """Return an address for a relying party: another host than the provider's `localhost`."""
    return f"http://127.0.0.1:{free_port()}"
