"""Attack sign-ins at SAML identity providers that encrypt their assertions.

Jager and Somorovsky 2011 (CBC); Jager, Paterson and Somorovsky 2013 (GCM called CBC).
"""

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
import xmlsec
from lxml import etree

from idp.models import Event
from tests.relying_party import Browser, spec
from tests.saml import NS, SamlProvider, sign, signing_key
from tests.saml_encryption import ENC, ENC11, OAEP, Encryption

OURS = signing_key("ours")
CBC, GCM = f"{ENC}aes256-cbc", f"{ENC11}aes256-gcm"
UNOPENED = "The encrypted assertion cannot be opened."


@pytest.fixture
def there(provider: object) -> SamlProvider:
    """An identity provider that knows our key."""
    found = SamlProvider()
    found.row.secret = OURS.private + OURS.certificate
    found.row.save()
    return found


def newest_refusal(provider: SamlProvider) -> Event:
    events = Event.objects.filter(kind="sign-in-failed", details__upstream=provider.row.slug)
    return events.latest("id")


def reason(provider: SamlProvider) -> str:
    return newest_refusal(provider).reason


@spec("SAML Core", "6.1")
def test_encrypted_assertions_are_opened_and_judged_as_others(there: SamlProvider) -> None:
    oaep = f"{OAEP} sha256"
    for encryption, signs in (
        (Encryption(), "Assertion"),
        (Encryption(CBC), "Assertion"),
        (Encryption(CBC), "Response"),
        (Encryption(f"{ENC11}aes128-gcm", oaep, b"k" * 16), "Response"),
        (Encryption(f"{ENC}aes128-cbc", oaep, b"l" * 16), "Assertion"),
    ):
        with Browser() as browser:
            asked = there.begin(browser)
            root = there.response(asked, signs if signs == "Assertion" else "")
            encryption.encrypt(root, OURS)
            if signs == "Response":
                there.signed(root, signs)
            page = there.come_back(browser, asked, root)
            assert page.url.path == "/account/", (encryption, signs, reason(there))
    # What was opened stays as it was signed, whatever the response calls the same namespace.
    with Browser() as browser:
        root = there.response(asked := there.begin(browser), "")
        text = etree.tostring(root.find("saml:Assertion", NS))
        other = etree.fromstring(text.replace(b"saml:", b"x:").replace(b":saml=", b":x="))
        sign(other, there.key, xmlsec.Transform.RSA_SHA256, xmlsec.Transform.SHA256)
        Encryption().encrypt(root, OURS)
        _seal(root, etree.tostring(other))
        assert there.come_back(browser, asked, root).url.path == "/account/", reason(there)
    # Whoever encrypts has proved nothing.
    for signer, said in ((None, "is signed"), ("Mallory", "ignature")):
        with Browser() as browser:
            asked = there.begin(browser)
            right = there.key
            there.key = signing_key(signer) if signer else right
            root = there.response(asked, "Assertion" if signer else "")
            there.key = right
            page = there.come_back(browser, asked, Encryption(CBC).encrypt(root, OURS))
            assert page.status_code == 400
            assert said in reason(there)


def test_what_is_beside_or_within_an_encrypted_assertion_is_refused(
    browser: Browser, there: SamlProvider
) -> None:
    asked = there.begin(browser)
    signed = there.response(asked)
    plain = signed.find("saml:Assertion", NS)

    def beside(root: Any) -> None:
        root.append(copy.deepcopy(plain))

    def twice(root: Any) -> None:
        root.append(_sealed(etree.tostring(plain)))

    def elsewhere(root: Any) -> None:
        extensions = etree.Element(f"{{{NS['samlp']}}}Extensions")
        extensions.append(root.find("saml:EncryptedAssertion", NS))
        root.insert(1, extensions)

    def with_another_key(root: Any) -> None:
        key = root.find(".//{*}EncryptedKey")
        key.getparent().append(copy.deepcopy(key))

    def around(root: Any) -> None:
        """Hide the signed one in a forged one, which is what would be read."""
        forged = copy.deepcopy(plain)
        forged.remove(forged.find("ds:Signature", NS))
        forged.set("ID", "_forged")
        forged.append(copy.deepcopy(plain))
        _seal(root, etree.tostring(forged))

    def with_a_comment(root: Any) -> None:
        text = etree.tostring(plain).replace(b"</saml:NameID>", b"<!-- --></saml:NameID>")
        _seal(root, text)

    def in_another(root: Any) -> None:
        _seal(root, etree.tostring(_sealed(etree.tostring(plain))))

    def large(root: Any) -> None:
        _seal(root, b" " * 100_000)

    forgeries = (beside, twice, elsewhere, with_another_key, around, with_a_comment, in_another)
    assert _taken(browser, there, signed, (*forgeries, large)) == set()


def _sealed(text: bytes) -> Any:
    encryption = Encryption()
    return encryption.element(encryption.text_of(text), OURS)


def _seal(root: Any, text: bytes) -> None:
    root.replace(root.find("saml:EncryptedAssertion", NS), _sealed(text))


def _taken(
    browser: Browser, there: SamlProvider, signed: Any, forgeries: tuple[Callable[[Any], None], ...]
) -> set[str]:
    """Return the names of the forgeries that sign in, of a response that would."""
    taken = set()
    for forge in forgeries:
        root = Encryption().encrypt(copy.deepcopy(signed), OURS)
        forge(root)
        if there.post(root, "state").status_code != 400:
            taken.add(forge.__name__)
        if forge.__name__ == "around":  # It was opened, and judged.
            assert "exactly one assertion" in reason(there)
    root = Encryption().encrypt(copy.deepcopy(signed), OURS)
    assert there.post(root, "state").is_redirect
    return taken


@spec("XML Encryption", "6.1")
def test_nobody_learns_which_ciphertexts_can_be_opened(
    browser: Browser, there: SamlProvider
) -> None:
    signed = there.response(there.begin(browser))
    plain = etree.tostring(signed.find("saml:Assertion", NS))
    pages, iv = set(), b"i" * 16

    def send(encryption: Encryption, text: bytes) -> str:
        root = copy.deepcopy(signed)
        root.replace(root.find("saml:Assertion", NS), encryption.element(text, OURS))
        answer = there.post(root, "state")
        assert answer.status_code == 400
        page = answer.text.replace(newest_refusal(there).reference, "")
        pages.add(re.sub(r'csrfmiddlewaretoken" value="\w+"', "", page))
        return reason(there)

    texts: dict[str, Callable[[Encryption], bytes]] = {
        "padding of 0": lambda cbc: cbc.blocks(iv, b"x" * 15 + b"\0"),
        "padding of 17": lambda cbc: cbc.blocks(iv, b"x" * 31 + b"\x11"),
        "no XML": lambda cbc: cbc.text_of(b"\xff<"),
        "other XML": lambda cbc: cbc.text_of(b"<html/>"),
        "half a block": lambda cbc: cbc.text_of(plain)[:-8],
        "nothing": lambda _: b"",
    }
    for name, text_of in texts.items():
        cbc = Encryption(CBC)
        assert (name, send(cbc, text_of(cbc))) == (name, UNOPENED)
    gcm = Encryption(GCM)
    text = gcm.text_of(plain)
    assert send(gcm, text[:-1] + bytes([text[-1] ^ 1])) == UNOPENED
    assert send(Encryption(CBC, secret=b"short key 16 b.."), b"x" * 32) == UNOPENED
    assert len(pages) == 1
    # Nor by many attempts: what encrypts a key works once, whatever it is said to be the key of.
    root = gcm.encrypt(copy.deepcopy(signed), OURS)
    root.find(".//{*}EncryptedData/{*}EncryptionMethod").set("Algorithm", CBC)
    assert there.post(root, "state").status_code == 400
    assert reason(there) == UNOPENED
    root.find(".//{*}EncryptedData/{*}CipherData/{*}CipherValue").text = "A" * 64
    assert there.post(root, "state").status_code == 400
    assert "came before" in reason(there)
    # Refused algorithms are refused before any key of ours is used.
    for weak in (
        Encryption(transport=f"{ENC}rsa-1_5"),
        Encryption(f"{ENC}tripledes-cbc"),
        Encryption(f"{ENC}aes192-cbc"),
    ):
        root = weak.encrypt(copy.deepcopy(signed), OURS)
        assert there.post(root, "state").status_code == 400
        assert "refused algorithm" in reason(there)
    # Without a key, nothing is opened.
    there.row.secret = ""
    there.row.save()
    assert there.post(Encryption().encrypt(signed, OURS), "state").status_code == 400
    assert "there is no key of ours" in reason(there)
