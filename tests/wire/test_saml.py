"""Sign in with an account at a SAML identity provider. docs/adr/0048."""

import re
from base64 import b64decode
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from lxml import etree

from accounts.models import Session, UpstreamSession, User
from tests.elsewhere import Elsewhere
from tests.relying_party import (
    Browser,
    RelyingParty,
    is_page,
    mailed_code,
    make_client,
    make_user,
    spec,
    unique,
)
from tests.saml import (
    NS,
    PERSISTENT,
    SLO,
    SSO,
    Asked,
    SamlProvider,
    asked_of,
    instant,
    signing_key,
    unpacked,
)

MFA = "https://refeds.org/profile/mfa"
METADATA = """<md:EntityDescriptor xmlns:md="{md}" xmlns:ds="{ds}" entityID="{entity_id}">
<!-- of {entity_id} --><md:IDPSSODescriptor protocolSupportEnumeration="{samlp}">
<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}
</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
<md:SingleLogoutService Binding="{redirect}" Location="{slo}"/>
<md:SingleSignOnService Binding="{redirect}" Location="{sso}"/>
</md:IDPSSODescriptor></md:EntityDescriptor>"""


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/account/").status_code == 200


def is_signed_by(query: dict[str, str], certificate: str) -> None:
    """Raise InvalidSignature unless the request of a query is signed by a certificate's key."""
    public: Any = x509.load_der_x509_certificate(b64decode(certificate)).public_key()
    names = ("SAMLRequest", "RelayState", "SigAlg")
    covered = urlencode({name: query[name] for name in names}).encode()
    public.verify(b64decode(query["Signature"]), covered, padding.PKCS1v15(), hashes.SHA256())


@spec("SAML Profiles", "4.1.4")
def test_a_user_signs_in_with_what_the_provider_says(browser: Browser) -> None:
    group = Group.objects.create(name=unique("Bakers"))
    mapping = {"groups_claim": "groups", "groups": {"bakers": group.name}}
    provider = SamlProvider({"mapping": mapping})
    asked = provider.begin(browser)
    assert asked.query["tenant"] == "1"
    assert asked.message.get("ForceAuthn") is None
    assert asked.message.findtext("saml:Issuer", namespaces=NS) == provider.audience
    said = {"givenName": ["Eve"], "groups": ["bakers", "others"]}
    page = provider.come_back(browser, asked, provider.response(asked, attributes=said))
    assert page.url.path == "/account/", page.text
    user = User.objects.get(email=provider.email)
    assert (user.name, user.given_name) == ("Eve Elsewhere", "Eve")
    assert list(user.groups.all()) == [group]
    # From now on it is known by its NameID, whatever its address is; and the response is signed.
    with Browser() as another:
        asked = provider.begin(another)
        attributes = {"email": ["another@example.org"]}
        root = provider.response(asked, "Response", attributes=attributes)
        assert provider.come_back(another, asked, root).url.path == "/account/"
    sessions = Session.objects.filter(user=user).values_list("at_upstream__sid", flat=True)
    assert list(sessions) == [provider.session] * 2


@spec("SAML Core", "3.4.1")
def test_what_an_app_asks_for_is_asked_of_the_provider(browser: Browser) -> None:
    levels = {"acr": {MFA: "urn:signet:acr:multi-factor"}}
    provider = SamlProvider({"levels": levels})
    app = RelyingParty(make_client(), browser, make_user())
    wanted = {"acr_values": "unknown urn:signet:acr:multi-factor", "prompt": "login"}
    asked = asked_of(app.visit(idp_hint=provider.row.slug, **wanted))
    assert asked.message.get("ForceAuthn") == "true"
    contexts = asked.message.iterfind(".//saml:AuthnContextClassRef", NS)
    assert [each.text for each in contexts] == [MFA]
    # An old sign-in there is refused …
    page = provider.come_back(browser, asked, provider.response(asked, instant=instant(-3600)))
    assert page.status_code == 400
    # … and a new one leads to the app, with its level and its time.
    asked = asked_of(app.visit(idp_hint=provider.row.slug, **wanted))
    page = provider.come_back(browser, asked, provider.response(asked, context=MFA))
    if is_page(page, "/consent"):
        page = browser.submit(page, "allow")
    assert app.answer(page).code
    session = Session.objects.filter(user__email=provider.email).latest("created_at")
    [record] = session.methods
    assert record["level"] == "urn:signet:acr:multi-factor"
    # A provider without a subject that lasts says it by an attribute.
    by_attribute = SamlProvider(settings={"subject_attribute": "uid", "claims": {"email": "post"}})
    transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
    said = {"uid": [by_attribute.subject], "post": [by_attribute.email], "email": ["x@y.example"]}
    for name_id in ("one", "another"):
        with Browser() as another:
            again = {"format": transient, "name_id": name_id, "attributes": said}
            assert by_attribute.sign_in(another, **again).url.path == "/account/"
    assert User.objects.filter(email=by_attribute.email).count() == 1
    # What identifies users can't become another attribute, which others may have.
    by_attribute.row.settings = {**by_attribute.row.settings, "subject_attribute": "post"}
    with pytest.raises(ValidationError, match="People have connected accounts of it"):
        by_attribute.row.full_clean()


@spec("SAML Metadata", "2.4")
def test_metadata_tells_both_sides(browser: Browser, foreign_site: Elsewhere) -> None:
    key = signing_key("ours")
    path = f"/{unique('metadata')}"
    declared = {"metadata_url": foreign_site.address + path}
    provider = SamlProvider(settings=declared)
    provider.row.secret = key.private + key.certificate
    provider.row.save()
    redirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
    certificate = "".join(provider.key.certificate.strip().splitlines()[1:-1])
    said = {**NS, "redirect": redirect, "sso": SSO, "slo": SLO, "certificate": certificate}
    another = METADATA.format(entity_id="another", **said).encode()
    foreign_site.says(path, another, content_type="text/xml")
    page = browser.open(f"/account/upstream/{provider.row.slug}/")
    assert "can’t be reached" in page.text
    right = METADATA.format(entity_id=provider.entity_id, **said).encode()
    foreign_site.says(path, right, content_type="application/samlmetadata+xml")
    asked = provider.begin(browser)
    # What we say of ourselves has the certificate that our request is signed with.
    ours = etree.fromstring(httpx.get(provider.audience, verify=False).content)
    assert ours.get("entityID") == provider.audience
    [consumer] = ours.iterfind(".//md:AssertionConsumerService", NS)
    assert consumer.get("Location") == provider.recipient
    certificate = ours.findtext(".//ds:X509Certificate", namespaces=NS)
    is_signed_by(asked.query, certificate)
    # It may encrypt to the same one, by what we open.
    [sealing] = ours.iterfind(".//md:KeyDescriptor[@use='encryption']", NS)
    assert sealing.findtext(".//ds:X509Certificate", namespaces=NS) == certificate
    methods = {each.get("Algorithm") for each in sealing.iterfind("md:EncryptionMethod", NS)}
    assert "http://www.w3.org/2009/xmlenc11#aes256-gcm" in methods
    assert not any("rsa-1_5" in method for method in methods)
    page = provider.come_back(browser, asked, provider.response(asked))
    assert page.url.path == "/account/", page.text


@spec("SAML Profiles", "4.4")
def test_a_sign_out_there_ends_the_sessions_that_it_names(browser: Browser) -> None:
    provider = SamlProvider()
    provider.sign_in(browser)
    with Browser() as another:
        provider.session = unique("session")
        provider.sign_in(another)
        query = provider.logout_query()
        answer = another.get(f"{provider.logout}?{query}")
        said = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
        assert answer.headers["Location"].startswith(SLO)
        assert said["RelayState"] == "their state"
        message = unpacked(said["SAMLResponse"])
        assert message.get("Destination") == SLO
        assert message.find(".//samlp:StatusCode", NS).get("Value").endswith(":Success")
        assert not is_signed_in(another)
        assert is_signed_in(browser)
        # Replayed, it does not end what began since.
        provider.sign_in(another)
        assert another.get(f"{provider.logout}?{query}").status_code == 400
        assert is_signed_in(another)
    forged = {
        "unsigned": provider.logout_query(signs=False),
        "changed": provider.logout_query().replace("RelayState=their", "RelayState=other"),
        "of another": provider.logout_query(issuer="https://other.example"),
        "for another": provider.logout_query(destination=provider.recipient),
        "old": provider.logout_query(at=instant(-3600)),
        "twice": f"{provider.logout_query()}&SigAlg=x",
        "no message": "SAMLRequest=x&SigAlg=y&Signature=z",
        "nothing": "",
    }
    answers = {name: browser.get(f"{provider.logout}?{query}") for name, query in forged.items()}
    assert {name: each.status_code for name, each in answers.items()} == dict.fromkeys(forged, 400)
    assert is_signed_in(browser)
    # Without a SessionIndex, it is all sessions of the user, and sign-ins that wait for a code.
    waiting = SamlProvider({"trusts_email": False})
    with Browser() as another:
        page = waiting.sign_in(another)
        assert is_page(page, "/account/confirm-email/")
        assert another.get(f"{waiting.logout}?{waiting.logout_query(session='')}").is_redirect
        page = another.submit(page, code=mailed_code(waiting.email))
        assert "have signed out at" in page.text
        assert not is_signed_in(another)
    assert browser.get(f"{provider.logout}?{provider.logout_query(session='')}").is_redirect
    assert not is_signed_in(browser)


@spec("SAML Profiles", "4.4.4")
def test_who_came_from_a_provider_may_sign_out_there(browser: Browser) -> None:
    def leave() -> Asked | None:
        """Sign in and out, and return what the button to sign out there leads there with."""
        assert provider.sign_in(browser).url.path == "/account/"
        page = browser.submit(browser.open("/account/logout/"), "confirm-logout")
        path = f"/account/upstream/{provider.row.slug}/sign-out"
        found = re.search(rf'href="({path}[^"]*)"', page.text)
        return asked_of(browser.settle(browser.get(unescape(found[1])))) if found else None

    def come_back(query: str) -> str:
        return browser.settle(browser.get(f"{provider.logout}?{query}")).text

    key, provider = signing_key("ours"), SamlProvider()
    assert leave() is None  # An unsigned request would be refused there.
    provider.row.secret = key.private + key.certificate
    provider.row.save()
    asked = leave()
    assert asked is not None
    is_signed_by(asked.query, "".join(key.certificate.strip().splitlines()[1:-1]))
    assert asked.message.tag == f"{{{NS['samlp']}}}LogoutRequest"
    assert asked.message.get("Destination") == SLO
    name_id = asked.message.find("saml:NameID", NS)
    assert (name_id.text, name_id.get("Format")) == (provider.subject, PERSISTENT)
    assert asked.message.findtext("samlp:SessionIndex", namespaces=NS) == provider.session
    said = f"You have been signed out at {provider.row.name}, too."
    with Browser() as another:
        page = another.settle(another.get(f"{provider.logout}?{provider.logout_response(asked)}"))
        assert said not in page.text
    assert said in come_back(provider.logout_response(asked))
    assert said not in come_back(provider.logout_response(asked))
    kept = UpstreamSession.objects.filter(upstream=provider.row)
    assert kept.count() == 1  # that of the session of before
    # Only what it says itself, and to this request, is told to the user.
    changes: tuple[dict[str, Any], ...] = (
        {"signs": False},
        {"answers": "_another"},
        {"issuer": "https://other.example"},
        {"destination": provider.recipient},
        {"status": "Responder"},
    )
    for change in changes:
        asked = leave()
        assert asked is not None
        text = come_back(provider.logout_response(asked, **change))
        assert said not in text, change
        assert "has not confirmed that you are signed out" in text, change
    # The OpenID kinds' page is no way around that.
    asked = leave()
    assert asked is not None
    finish = f"/account/upstream/{provider.row.slug}/signed-out"
    assert said not in browser.open(finish, state=asked.relay_state).text
