"""What happened that somebody will ask about: each denial has its exact reason and a reference."""

import secrets

import structlog

from idp.protocol.errors import ProtocolError

log = structlog.get_logger(__name__)
# Without letters and digits that are mistaken for each other when read aloud.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_reference() -> str:
    """Return a reference to read over the telephone, such as `7KQ2-M9XD`."""
    letters = [secrets.choice(_ALPHABET) for _ in range(8)]
    return "".join(letters[:4]) + "-" + "".join(letters[4:])


def denied(error: ProtocolError, *, at: str, client_id: str | None = None) -> str:
    """Record that a request was denied at an endpoint; return the reference it is found under."""
    reference = new_reference()
    log.warning(
        "denied",
        reference=reference,
        at=at,
        client_id=client_id,
        error=error.code,
        reason=error.description,
    )
    return reference
