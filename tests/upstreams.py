"""Act as an OpenID provider elsewhere, at which users of ours have accounts."""

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from tests import secrecy
from tests.elsewhere import Elsewhere, answering
from tests.issuers import Issuer
from tests.relying_party import Browser, gone_on, unique

SECRET = "the secret: of/our client"


def make_upstream(issuer: str, **columns: Any) -> Any:
    """Enter an upstream, as an operator would, and return its row."""
    from accounts.upstream.model import Upstream

    slug, secret = unique("up"), columns.pop("secret", SECRET)
    row = Upstream(
        **{
            "slug": slug,
            "name": slug.title(),
            "kind": "oidc",
            "issuer": issuer,
            "client_id": "our client",
            **columns,
        }
    )
    row.secret = secret
    row.full_clean()
    row.save()
    return row


def asked_of(page: httpx.Response) -> dict[str, str]:
    """Return the authorization request that a browser takes to an upstream."""
    location = gone_on(page).headers["Location"]
    secrecy.used.note_address(location)
    return dict(parse_qsl(urlsplit(location).query))


@dataclass
class FakeUpstream:
    """A provider whose every word a test decides."""

    site: Elsewhere
    columns: dict[str, Any] = field(default_factory=dict)
    described: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.issuer = Issuer(self.site)
        self.token_path = f"{self.issuer.path}/token"
        self.userinfo_path = f"{self.issuer.path}/userinfo"
        at = self.site.address
        self.issuer.describe(
            issuer=self.issuer.name,
            jwks_uri=at + self.issuer.jwks_path,
            authorization_endpoint=f"{at}{self.issuer.path}/authorize?tenant=1",
            token_endpoint=at + self.token_path,
            userinfo_endpoint=at + self.userinfo_path,
            **self.described,
        )
        self.row = make_upstream(self.issuer.name, **self.columns)
        self.subject = unique("sub")
        self.email = f"{unique('eve')}@example.org"

    def begin(self, browser: Browser, **query: str) -> dict[str, str]:
        """Let a browser begin a sign-in, and return what it is sent here with."""
        page = browser.settle(browser.get(f"/account/upstream/{self.row.slug}/", params=query))
        return asked_of(page)

    def claims(self, asked: dict[str, str], **claims: Any) -> dict[str, Any]:
        """Return the claims of an ID token for this request."""
        return {
            "aud": "our client",
            "nonce": asked["nonce"],
            "email": self.email,
            "email_verified": True,
            "name": "Eve Elsewhere",
            "jti": None,
            **claims,
        }

    def grants(self, id_token: str, **members: Any) -> None:
        """Answer the next request for tokens with this ID token."""
        answer = {"access_token": "at", "token_type": "Bearer", "id_token": id_token, **members}
        self.site.pages[self.token_path] = answering(json.dumps(answer).encode())

    def come_back(self, browser: Browser, asked: dict[str, str], **members: Any) -> httpx.Response:
        """Send a browser back with a code, as this provider does: the page where it ends."""
        sent = {"code": "a-code", "state": asked["state"], **members}
        sent = {name: value for name, value in sent.items() if value is not None}
        path = f"/account/upstream/{self.row.slug}/callback"
        return browser.settle(browser.get(path, params=sent))

    def sign_in(self, browser: Browser, **claims: Any) -> httpx.Response:
        """Let a browser sign in with an account here: the page where it ends."""
        asked = self.begin(browser)
        self.grants(self.issuer.token(self.subject, **self.claims(asked, **claims)))
        return self.come_back(browser, asked)


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a code verifier. RFC 7636 §4.2."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
