"""Act as a SAML identity provider, at which users of ours have accounts: every word is a test's."""

import datetime
import zlib
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

from tests.relying_party import ISSUER, Browser, gone_on, unique

NS = {
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "md": "urn:oasis:names:tc:SAML:2.0:metadata",
}
SSO = "https://login.example/sso?tenant=1"
SLO = "https://login.example/slo"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
_ASSERTION = """<saml:Assertion xmlns:saml="{saml}" ID="{assertion_id}" Version="2.0" \
IssueInstant="{now}"><saml:Issuer>{issuer}</saml:Issuer><saml:Subject>\
<saml:NameID Format="{format}">{name_id}</saml:NameID>\
<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">\
<saml:SubjectConfirmationData InResponseTo="{in_response_to}" Recipient="{recipient}" \
NotOnOrAfter="{until}"/></saml:SubjectConfirmation></saml:Subject>\
<saml:Conditions NotBefore="{begins}" NotOnOrAfter="{until}"><saml:AudienceRestriction>\
<saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>\
<saml:AuthnStatement AuthnInstant="{instant}" SessionIndex="{session}"><saml:AuthnContext>\
<saml:AuthnContextClassRef>{context}</saml:AuthnContextClassRef></saml:AuthnContext>\
</saml:AuthnStatement><saml:AttributeStatement>{attributes}</saml:AttributeStatement>\
</saml:Assertion>"""
_RESPONSE = """<samlp:Response xmlns:samlp="{samlp}" xmlns:saml="{saml}" ID="{response_id}" \
Version="2.0" IssueInstant="{now}" Destination="{destination}" InResponseTo="{answers}">\
<saml:Issuer>{issuer}</saml:Issuer><samlp:Status><samlp:StatusCode Value="{status}"/>\
</samlp:Status>\
{assertion}</samlp:Response>"""
_ATTRIBUTE = '<saml:Attribute Name="{name}">{values}</saml:Attribute>'
_VALUE = "<saml:AttributeValue>{value}</saml:AttributeValue>"


def instant(seconds: int = 0) -> str:
    """Return the moment so many seconds from now, as SAML writes it."""
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class SigningKey:
    """A private key and its certificate, in PEM."""

    private: str
    certificate: str


@cache
def signing_key(name: str) -> SigningKey:
    """Return a key of this name, always the same."""
    key = rsa.generate_private_key(65537, 2048)
    common = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(common, common, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    clear = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return SigningKey(
        key.private_bytes(pem, *clear).decode(), certificate.public_bytes(pem).decode()
    )


@dataclass(frozen=True)
class Asked:
    """A request for a sign-in, as a browser brought it."""

    id: str
    relay_state: str
    message: Any
    query: dict[str, str]


@dataclass
class SamlProvider:
    """An identity provider that is entered here as an upstream."""

    columns: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.key = signing_key("provider")
        self.entity_id = f"https://login.example/{unique('entity')}"
        self.row = self._row()
        self.subject = unique("subject")
        self.email = f"{unique('eve')}@example.org"
        self.session = unique("session")
        at = f"{ISSUER}/account/upstream/{self.row.slug}/saml/"
        self.audience, self.recipient, self.logout = at, f"{at}acs", f"{at}logout"

    def _row(self) -> Any:
        from accounts.models import Upstream

        slug = unique("saml")
        said = {"sso_url": SSO, "slo_url": SLO, "certificates": [self.key.certificate]}
        if "metadata_url" in self.settings:
            said = {}
        row = Upstream(
            **{
                "slug": slug,
                "name": slug.title(),
                "kind": "saml",
                "issuer": self.entity_id,
                "settings": {**said, **self.settings},
                "trusts_email": True,
                **self.columns,
            }
        )
        row.full_clean()
        row.save()
        return row

    def begin(self, browser: Browser, **query: str) -> Asked:
        """Let a browser begin a sign-in, and return what it is sent away with."""
        page = browser.settle(browser.get(f"/account/upstream/{self.row.slug}/", params=query))
        return asked_of(page)

    def says(self, asked: Asked, **changes: Any) -> dict[str, Any]:
        """Return what a right response to this request says, with some of it changed."""
        attributes = {"email": [self.email], "displayName": ["Eve Elsewhere"]}
        attributes |= changes.pop("attributes", {})
        return {
            **NS,
            "assertion_id": unique("_a"),
            "response_id": unique("_r"),
            "now": instant(),
            "begins": instant(-60),
            "until": instant(300),
            "instant": instant(),
            "issuer": self.entity_id,
            "format": PERSISTENT,
            "name_id": self.subject,
            "in_response_to": asked.id,
            "answers": asked.id,
            "recipient": self.recipient,
            "destination": self.recipient,
            "audience": self.audience,
            "session": self.session,
            "context": PASSWORD,
            "status": "urn:oasis:names:tc:SAML:2.0:status:Success",
            "attributes": "".join(
                _ATTRIBUTE.format(
                    name=name, values="".join(_VALUE.format(value=value) for value in values)
                )
                for name, values in attributes.items()
            ),
            **changes,
        }

    def response(self, asked: Asked, signs: str = "Assertion", **changes: Any) -> Any:
        """Return the root of a response, signed as told: `Assertion`, `Response` or not at all."""
        said = self.says(asked, **changes)
        said["assertion"] = _ASSERTION.format(**said)
        root = etree.fromstring(_RESPONSE.format(**said))
        return root if not signs else self.signed(root, signs)

    def signed(
        self,
        root: Any,
        name: str = "Assertion",
        method: Any = xmlsec.Transform.RSA_SHA256,
        digest: Any = xmlsec.Transform.SHA256,
    ) -> Any:
        """Sign the element of this name in a document, with this provider's key."""
        element = next(root.iter(f"{{*}}{name}"))
        sign(element, self.key, method, digest)
        return root

    def come_back(self, browser: Browser, asked: Asked, root: Any) -> httpx.Response:
        """Post a response as a page elsewhere does, without our cookies: where the browser ends."""
        return browser.settle(take_up(browser, self.post(root, asked.relay_state)))

    def post(self, root: Any, relay_state: str = "") -> httpx.Response:
        """Send a form as from another site: what our consumer answers."""
        sent = root if isinstance(root, bytes) else etree.tostring(root)
        form = {"SAMLResponse": b64encode(sent).decode(), "RelayState": relay_state}
        headers = {"Origin": "https://login.example", "Sec-Fetch-Site": "cross-site"}
        answer = httpx.post(self.recipient, data=form, headers=headers, verify=False)
        # It comes without cookies: a new one would end the session that the browser has.
        assert "session" not in answer.headers.get("Set-Cookie", "")
        return answer

    def sign_in(self, browser: Browser, **changes: Any) -> httpx.Response:
        """Let a browser sign in with an account here: the page where it ends."""
        asked = self.begin(browser)
        return self.come_back(browser, asked, self.response(asked, **changes))

    def logout_query(self, signs: bool = True, **changes: Any) -> str:
        """Return the query of a request to sign out."""
        said = {
            "id": unique("_l"),
            "issuer": self.entity_id,
            "name_id": self.subject,
            "session": self.session,
            "destination": self.logout,
            "at": instant(),
            **changes,
        }
        index = "<samlp:SessionIndex>{session}</samlp:SessionIndex>" if said["session"] else ""
        text = (
            '<samlp:LogoutRequest xmlns:samlp="{samlp}" xmlns:saml="{saml}" ID="{id}" '
            'Version="2.0" IssueInstant="{at}" Destination="{destination}">'
            "<saml:Issuer>{issuer}</saml:Issuer>"
            '<saml:NameID Format="{format}">{name_id}</saml:NameID>'
            f"{index}</samlp:LogoutRequest>"
        ).format(**NS, format=PERSISTENT, **said)
        return self.query("SAMLRequest", text, "their state", signs=signs)

    def logout_response(self, asked: Asked, signs: bool = True, **changes: Any) -> str:
        """Return the query of the answer to a request of ours to sign out."""
        said = {
            "id": unique("_o"),
            "issuer": self.entity_id,
            "answers": asked.id,
            "destination": self.logout,
            "at": instant(),
            "status": "Success",
            **changes,
        }
        text = (
            '<samlp:LogoutResponse xmlns:samlp="{samlp}" xmlns:saml="{saml}" ID="{id}" '
            'Version="2.0" IssueInstant="{at}" Destination="{destination}" '
            'InResponseTo="{answers}"><saml:Issuer>{issuer}</saml:Issuer><samlp:Status>'
            '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{status}"/>'
            "</samlp:Status></samlp:LogoutResponse>"
        ).format(**NS, **said)
        return self.query("SAMLResponse", text, asked.relay_state, signs=signs)

    def query(self, name: str, text: str, relay_state: str, *, signs: bool) -> str:
        """Return the query that carries a message, signed as told. SAML Bindings §3.4.4.1."""
        query = {name: packed(text.encode()), "RelayState": relay_state}
        if not signs:
            return urlencode(query)
        query["SigAlg"] = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
        key: Any = serialization.load_pem_private_key(self.key.private.encode(), None)
        signature = key.sign(urlencode(query).encode(), padding.PKCS1v15(), hashes.SHA256())
        return urlencode({**query, "Signature": b64encode(signature).decode()})


def sign(element: Any, key: SigningKey, method: Any, digest: Any) -> None:
    """Put an enveloped signature behind the issuer of an element."""
    template = xmlsec.template.create(element, xmlsec.Transform.EXCL_C14N, method, ns="ds")
    element.insert(1, template)
    reference = xmlsec.template.add_reference(template, digest, uri=f"#{element.get('ID')}")
    xmlsec.template.add_transform(reference, xmlsec.Transform.ENVELOPED)
    xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(key.private, xmlsec.KeyFormat.PEM)
    context.register_id(element, "ID")
    context.sign(template)


def take_up(browser: Browser, answer: httpx.Response) -> httpx.Response:
    """Follow the consumer's redirect in the browser, which sends its cookies there."""
    return browser.get(answer.headers["Location"]) if answer.is_redirect else answer


def packed(message: bytes) -> str:
    """Return a message as a redirect carries it. SAML Bindings §3.4.4.1."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b64encode(deflate.compress(message) + deflate.flush()).decode()


def unpacked(value: str) -> Any:
    """Return the root of a message that a redirect carried."""
    return etree.fromstring(zlib.decompress(b64decode(value), -15))


def asked_of(page: httpx.Response) -> Asked:
    """Return the request that a browser takes to a provider."""
    query = dict(parse_qsl(urlsplit(gone_on(page).headers["Location"]).query))
    message = unpacked(query["SAMLRequest"])
    return Asked(message.get("ID"), query["RelayState"], message, query)
