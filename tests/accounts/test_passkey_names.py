"""Names of new passkeys: of the authenticator, or of browser and device."""

from typing import Any
from uuid import UUID

import pytest

from accounts.passkey_names import LONGEST, distinct, known, name_for

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
HIDDEN = bytes(16)


def credential(transports: Any = None, attachment: str | None = None) -> dict[str, Any]:
    response = {} if transports is None else {"transports": transports}
    return {"response": response, "authenticatorAttachment": attachment}


@pytest.mark.parametrize(
    ("aaguid", "name"),
    [
        ("fbfc3007-154e-4ecc-8c0b-6e020557d7bd", "iCloud Keychain"),
        ("ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4", "Google Password Manager"),
        ("08987058-cadc-4b81-b6e1-30de50dcbe96", "Windows Hello"),
        ("d548826e-79b4-db40-a3d8-11116f7e8349", "Bitwarden"),
        ("2fc0579f-8113-47ea-b116-bb5a8db9202a", "YubiKey 5 NFC"),
    ],
)
def test_of_the_authenticator(aaguid: str, name: str) -> None:
    assert name_for(UUID(aaguid).bytes, credential(), FIREFOX) == name


@pytest.mark.parametrize(
    ("transports", "attachment", "name"),
    [
        (["usb", "nfc"], "cross-platform", "Security key"),
        (["hybrid", "internal"], "cross-platform", "Passkey on another device"),
        (["internal"], "platform", "Passkey on Firefox on Linux"),
        (None, None, "Passkey on Firefox on Linux"),
        ("usb", None, "Passkey on Firefox on Linux"),
        ([{}, 5, None], None, "Passkey on Firefox on Linux"),
    ],
)
def test_of_where_it_is(transports: Any, attachment: str | None, name: str) -> None:
    assert name_for(HIDDEN, credential(transports, attachment), FIREFOX) == name


def test_a_name_that_is_taken_gets_a_number() -> None:
    taken = ["Windows Hello", "Windows Hello 2"]
    assert distinct("Windows Hello", []) == "Windows Hello"
    assert distinct("Windows Hello", taken) == "Windows Hello 3"
    long = "x" * LONGEST
    assert len(distinct(long, [long])) <= LONGEST


def test_every_name_fits() -> None:
    assert len(known()) > 80
    assert max(map(len, known().values())) <= LONGEST
