"""Take over an account, or sign a victim in, by responses of a SAML identity provider.

McIntosh and Austel 2005; Somorovsky et al. 2012 (signature wrapping); CVE-2017-11427 (comments).
"""

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import xmlsec
from lxml import etree

from accounts.allauth_door import social_accounts
from accounts.models import User
from idp.models import Event
from tests.relying_party import Browser, is_page, make_user, spec
from tests.saml import NS, Asked, SamlProvider, instant, sign, signing_key, take_up

A, P, D = (f"{{{NS[name]}}}" for name in ("saml", "samlp", "ds"))


@pytest.fixture
def there(provider: object) -> SamlProvider:
    """An identity provider, whose words Mallory changes."""
    return SamlProvider()


def refusal(provider: SamlProvider) -> str:
    """Return the reason of the newest refused sign-in at a provider."""
    events = Event.objects.filter(kind="sign-in-failed", details__upstream=provider.row.slug)
    return events.latest("id").reason


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/account/").status_code == 200


@spec("SAML Profiles", "4.1.4.3")
def test_responses_for_others_or_of_another_time_are_refused(
    browser: Browser, there: SamlProvider
) -> None:
    other = SamlProvider()
    changes: dict[str, dict[str, Any]] = {
        "audience": {"audience": other.audience},
        "Recipient": {"recipient": other.recipient},
        "Recipient, longer": {"recipient": f"{there.recipient}.evil.example"},
        "Destination": {"destination": other.recipient},
        "Destination, longer": {"destination": f"{there.recipient}/more"},
        "issuer": {"issuer": other.entity_id},
        "expired": {"until": instant(-120)},
        "not yet": {"begins": instant(120)},
        "AuthnInstant": {"instant": instant(600)},
        "another request": {"in_response_to": "_another"},
        "unequal": {"answers": "_another"},
        "transient": {"format": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"},
        "another format": {"format": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"},
        "empty": {"name_id": ""},
        "long": {"name_id": "x" * 300},
        "failed": {"status": "urn:oasis:names:tc:SAML:2.0:status:Responder"},
    }
    for name, change in changes.items():
        asked = there.begin(browser)
        page = there.come_back(browser, asked, there.response(asked, "Response", **change))
        assert page.status_code == 400, name
    # Nobody asked for it, or somebody else did.
    asked = there.begin(browser)
    page = there.come_back(browser, asked, there.response(asked, answers="", in_response_to=""))
    assert page.status_code == 400
    assert "Begin on our sign-in page" in page.text
    assert not is_signed_in(browser)
    assert not User.objects.filter(email=there.email).exists()
    # It is none of these that lets the right one in.
    assert there.sign_in(browser).url.path == "/account/"


def test_unsigned_and_weakly_signed_assertions_are_refused(
    browser: Browser, there: SamlProvider
) -> None:
    def unsigned(root: Any) -> Any:
        return root

    def by_another_key(root: Any) -> Any:
        method, digest = xmlsec.Transform.RSA_SHA256, xmlsec.Transform.SHA256
        sign(root.find(f"{A}Assertion"), signing_key("Mallory"), method, digest)
        return root

    def by_sha1(root: Any) -> Any:
        return there.signed(root, "Assertion", xmlsec.Transform.RSA_SHA1)

    def of_sha1(root: Any) -> Any:
        method = xmlsec.Transform.RSA_SHA256
        return there.signed(root, "Assertion", method, xmlsec.Transform.SHA1)

    def changed(root: Any) -> Any:
        there.signed(root).find(f".//{A}NameID").text = "victim"
        return root

    def without_its_signature(root: Any) -> Any:
        [found] = there.signed(root).iter(f"{D}Signature")
        found.getparent().remove(found)
        return root

    def for_nobody(root: Any) -> Any:
        conditions = root.find(f".//{A}Conditions")
        conditions.remove(conditions.find(f"{A}AudienceRestriction"))
        return there.signed(root)

    def unasked(root: Any) -> Any:
        """Put our request's id around an assertion that the provider sent to another browser."""
        del root.find(f".//{A}SubjectConfirmationData").attrib["InResponseTo"]
        return there.signed(root)

    def bound_to_nothing(root: Any) -> Any:
        subject = root.find(f".//{A}Subject")
        subject.remove(subject.find(f"{A}SubjectConfirmation"))
        return there.signed(root)

    forgeries = (unsigned, by_another_key, by_sha1, of_sha1, changed, without_its_signature)
    forgeries += (for_nobody, unasked, bound_to_nothing)
    assert _taken(browser, there, forgeries) == set()


@spec("SAML Core", "5.4.2")
def test_a_signature_covers_what_is_read(browser: Browser, there: SamlProvider) -> None:
    """Mallory has one response that is signed rightly, and moves parts of it about."""
    forgeries = (_before, _behind, _around, _within_extensions, _within_signature, _same_id, _twice)
    forgeries += (_by_another_element,)
    assert _taken(browser, there, [_moving(there, each) for each in forgeries]) == set()
    victims = User.objects.filter(email="victim@example.org")
    assert not victims.exists()


def _taken(
    browser: Browser, there: SamlProvider, forgeries: "tuple[Any, ...] | list[Any]"
) -> set[str]:
    """Return the names of the forgeries that sign in."""
    taken = set()
    for forge in forgeries:
        asked = there.begin(browser)
        page = there.come_back(browser, asked, forge(there.response(asked, signs="")))
        if page.status_code != 400 or is_signed_in(browser):
            taken.add(forge.__name__)
    return taken


def _moving(there: SamlProvider, move: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    def forge(root: Any) -> Any:
        there.signed(root)
        evil = copy.deepcopy(root.find(f"{A}Assertion"))
        evil.remove(evil.find(f"{D}Signature"))
        evil.set("ID", "_evil")
        evil.find(f".//{A}NameID").text = "victim"
        for value in evil.iter(f"{A}AttributeValue"):
            value.text = "victim@example.org"
        return move(root, evil)

    forge.__name__ = move.__name__
    return forge


def _before(root: Any, evil: Any) -> Any:
    root.insert(0, evil)
    return root


def _behind(root: Any, evil: Any) -> Any:
    root.append(evil)
    return root


def _around(root: Any, evil: Any) -> Any:
    """Put the signed assertion into the forged one."""
    right = root.find(f"{A}Assertion")
    root.replace(right, evil)
    evil.append(right)
    return root


def _within_extensions(root: Any, evil: Any) -> Any:
    right = root.find(f"{A}Assertion")
    root.replace(right, evil)
    extensions = etree.Element(f"{P}Extensions")
    extensions.append(right)
    root.insert(1, extensions)
    return root


def _within_signature(root: Any, evil: Any) -> Any:
    """Let the forged assertion have the signature, with the signed one as its object."""
    right = root.find(f"{A}Assertion")
    signature = right.find(f"{D}Signature")
    right.remove(signature)
    root.replace(right, evil)
    evil.insert(1, signature)
    etree.SubElement(signature, f"{D}Object").append(right)
    return root


def _same_id(root: Any, evil: Any) -> Any:
    right = root.find(f"{A}Assertion")
    evil.set("ID", right.get("ID"))
    evil.insert(1, copy.deepcopy(right.find(f"{D}Signature")))
    root.insert(1, evil)
    return root


def _twice(root: Any, evil: Any) -> Any:
    """Wrap the whole response."""
    outer = copy.deepcopy(root)
    outer.set("ID", "_outer")
    outer.replace(outer.find(f"{A}Assertion"), evil)
    outer.find(f"{P}Status").append(root)
    return outer


def _by_another_element(root: Any, evil: Any) -> Any:
    """Let the response have the signature of something else that the provider signs."""
    right = root.find(f"{A}Assertion")
    root.replace(right, evil)
    extensions = etree.Element(f"{P}Extensions")
    status = etree.SubElement(extensions, f"{P}StatusDetail", ID="_other")
    etree.SubElement(status, "x")
    root.insert(1, extensions)
    signing = (xmlsec.Transform.RSA_SHA256, xmlsec.Transform.SHA256)
    sign(status, signing_key("provider"), *signing)
    root.insert(1, status.find(f"{D}Signature"))
    return root


def test_xml_is_read_without_entities_and_comments(browser: Browser, there: SamlProvider) -> None:
    asked = there.begin(browser)
    victim = "victim@example.org"
    signed = etree.tostring(there.response(asked, name_id=f"{victim}.evil.example"))
    bomb = b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    external = b'<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    sent = {
        "a comment": signed.replace(b"org.evil", b"org<!-- -->.evil", 1),
        "an instruction": signed.replace(b"org.evil", b"org<?a b?>.evil", 1),
        "an entity": external + signed.replace(b"org.evil", b"org&a;.evil", 1),
        "a bomb": bomb + signed.replace(b"org.evil", b"org&b;.evil", 1),
        "UTF-16": f'<?xml version="1.0" encoding="UTF-16"?>{signed.decode()}'.encode("utf-16"),
        "not XML": b"<samlp:Response",
        "another": b"<html/>",
        "nothing": b"",
    }
    for name, document in sent.items():
        answer = there.post(document, asked.relay_state)
        assert (answer.status_code, name) == (400, name)
    # The form itself may be odd, too.
    assert there.post(signed + b" " * 300_000).status_code == 413
    assert browser.get(there.recipient).status_code == 405
    assert browser.post(there.recipient, content=b"\xff").status_code == 400
    assert browser.post(there.recipient, data={"SAMLResponse": "é%"}).status_code == 400
    # What comes without comments is the whole name.
    page = there.come_back(browser, asked, etree.fromstring(signed))
    assert page.url.path == "/account/"
    assert not social_accounts.found(there.row.slug, victim)


@spec("SAML Profiles", "4.1.4.5")
def test_an_assertion_works_once(browser: Browser, there: SamlProvider) -> None:
    """However many come at once, to whichever process."""
    asked = there.begin(browser)
    root = there.response(asked)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: there.post(root, asked.relay_state), range(4)))
    led_on = [answer for answer in answers if answer.is_redirect]
    assert sorted(answer.status_code for answer in answers) == [302, 400, 400, 400]
    ticket = led_on[0]
    # In another browser, it signs nobody in: neither Mallory nor a victim (login CSRF).
    with Browser() as another:
        there.begin(another)
        assert another.settle(take_up(another, ticket)).status_code == 400
        assert not is_signed_in(another)
    assert browser.settle(take_up(browser, ticket)).status_code == 400  # it is used up


def test_a_response_is_for_the_browser_and_the_request_that_it_answers(
    browser: Browser, there: SamlProvider
) -> None:
    other = SamlProvider()
    with Browser() as mallory:
        theirs = there.begin(mallory)
        ours = there.begin(browser)
        # Mallory's response comes with a state of the victim's browser: it answers another request.
        mixed = Asked(theirs.id, ours.relay_state, theirs.message, {})
        assert there.come_back(browser, mixed, there.response(theirs)).status_code == 400
        assert "another request" in refusal(there)
    # What another provider signs is not this one's, whatever it says and wherever it is sent.
    asked = there.begin(browser)
    other.key, there_key = signing_key("another provider"), other.key
    assert there_key == there.key
    said = {"issuer": there.entity_id, "audience": there.audience, "recipient": there.recipient}
    root = other.response(asked, name_id=there.subject, destination=there.recipient, **said)
    assert there.come_back(browser, asked, root).status_code == 400
    # Nor is a right one that another provider is said to have sent.
    asked = there.begin(browser)
    other.recipient = there.recipient
    answer = there.post(there.response(asked), asked.relay_state)
    moved = answer.headers["Location"].replace(there.row.slug, other.row.slug)
    assert browser.get(moved).status_code == 400
    # Nor one that came to one that was switched off meanwhile.
    there.row.enabled = False
    there.row.save()
    assert browser.settle(take_up(browser, answer)).status_code == 400
    assert not is_signed_in(browser)


def test_an_asserted_address_takes_over_no_account(browser: Browser, there: SamlProvider) -> None:
    victim = make_user()
    page = there.sign_in(browser, attributes={"email": [victim.email], "email_verified": ["true"]})
    assert is_page(page, "/account/login/")  # for a proof, which Mallory does not have
    assert not is_signed_in(browser)
    there.row.trusts_email = False
    there.row.save()
    page = there.sign_in(browser, attributes={"email": [victim.email]})
    assert is_page(page, "/account/confirm-email/")  # for a code, which is the victim's
    assert not is_signed_in(browser)
    assert not social_accounts.of(User.objects.get(email=victim.email)).exists()
