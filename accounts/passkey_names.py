"""Names of new passkeys: of the authenticator that made it, or else of browser and device."""

import json
from collections.abc import Collection, Mapping
from functools import cache
from itertools import chain, count
from pathlib import Path
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.devices import words_for

_FILE = Path(__file__).with_name("authenticator_names.json")
#: The longest name of a passkey or an authenticator app.
LONGEST = 60


@cache
def known() -> Mapping[UUID, str]:
    """Return the names of authenticators by AAGUID. WebAuthn Level 3 §6.5.1."""
    by_name = json.loads(_FILE.read_text(encoding="utf-8"))
    return {UUID(aaguid): name for name, aaguids in by_name.items() for aaguid in aaguids}


def name_for(aaguid: bytes, credential: Mapping[str, Any], user_agent: str) -> str:
    """Return the name for a passkey from a browser's registration response.

    Security keys mostly hide their model (an AAGUID of zeros), and so does a phone that was used
    from another device. All of this is what the browser says; it only serves as a name.
    """
    named = known().get(UUID(bytes=bytes(aaguid)))
    if named:
        return named
    transports = _transports(credential)
    if transports & {"usb", "nfc", "ble"} and not transports & {"internal", "hybrid"}:
        return _("Security key")
    if credential.get("authenticatorAttachment") == "cross-platform":
        return _("Passkey on another device")
    return _("Passkey on %(device)s") % {"device": words_for(user_agent)}


def distinct(name: str, taken: Collection[str]) -> str:
    """Return the name, with a number if it is taken."""
    numbered = (f"{name[: LONGEST - 4]} {number}" for number in count(2))
    return next(each for each in chain([name], numbered) if each not in taken)


def _transports(credential: Mapping[str, Any]) -> set[str]:
    listed = credential["response"].get("transports")
    return {each for each in listed if isinstance(each, str)} if isinstance(listed, list) else set()
