"""Each kind of JWT that comes from others, with each fault: the error that its kind has for it.

RFC 7519 §4.1, RFC 7515 §4.1, RFC 8725 §3.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwcrypto.jwk import JWK

from idp import keys
from idp.jose.signatures import ALGORITHMS, base64url
from tests import secrecy, statements
from tests.assertions import claims_of, form_of, make_key, make_key_client
from tests.registering import register
from tests.relying_party import ISSUER, Browser, EndUser, RelyingParty, make_client, spec

KEY, STRANGER = make_key(), make_key()
ELSEWHERE = "https://elsewhere.example"
#: Makes a JWT of this header and these claims; both may be bytes that are no JSON.
Sign = Callable[[Any, Any], str]


@dataclass(frozen=True)
class Kind:
    """A kind of JWT: a good one, and what the provider says to one, None where it takes it."""

    header: dict[str, Any]
    claims: dict[str, Any]
    key: Any
    answer: Callable[[str], str | None]

    def refuses(self, jwt: str) -> str | None:
        secrecy.used.note(jwt)
        return self.answer(jwt)


def signed(header: Any, claims: Any, key: Any, algorithm: str = "ES256") -> str:
    """Return a JWT of this header and these claims, whatever they are."""
    parts = [
        base64url(part if isinstance(part, bytes) else json.dumps(part).encode())
        for part in (header, claims)
    ]
    signature = ALGORITHMS[algorithm].sign(key, ".".join(parts).encode())
    return ".".join([*parts, base64url(signature)])


def private(key: JWK) -> Any:
    return key.get_op_key("sign")


def public_text(key: Any) -> bytes:
    """Return the text of its public key: a secret that is public."""
    spki = PublicFormat.SubjectPublicKeyInfo
    text: bytes = key.public_key().public_bytes(Encoding.PEM, spki)
    return text


def error_of(party: RelyingParty, **parameters: str) -> str | None:
    """Return the error of a silent request, None if it says that no user is signed in."""
    form = {**party.parameters(prompt="none"), **parameters}
    page = party.browser.settle(party.browser.post("/authorize", data=form))
    error = party.answer(page).error
    return None if error == "login_required" else error


# --- the kinds ----------------------------------------------------------------------------------


def assertion(browser: Browser, user: EndUser) -> Kind:
    client = make_key_client(KEY, profile="recommended")

    def answer(jwt: str) -> str | None:
        grant = {"grant_type": "authorization_code", "code": "x" * 43}
        said = httpx.post(f"{ISSUER}/token", data={**grant, **form_of(jwt)}, verify=False).json()
        return None if said["error"] == "invalid_grant" else str(said["error"])

    claims = claims_of(client.client_id)
    return Kind({"alg": "ES256", "kid": KEY["kid"]}, claims, private(KEY), answer)


def request_object(browser: Browser, user: EndUser) -> Kind:
    party = RelyingParty(make_key_client(KEY, profile="recommended"), browser, user)
    client_id, now = party.client.client_id, int(time.time())
    claims = {**party.parameters(), "iss": client_id, "aud": ISSUER, "exp": now + 60, "iat": now}

    def answer(jwt: str) -> str | None:
        form = {**party.parameters(prompt="none"), "request": jwt}
        error = party.answer(
            party.browser.settle(party.browser.post("/authorize", data=form))
        ).error
        return None if error == "login_required" else error

    header = {"alg": "ES256", "kid": KEY["kid"], "typ": "oauth-authz-req+jwt"}
    return Kind(header, {**claims, "prompt": "none"}, private(KEY), answer)


def software_statement(browser: Browser, user: EndUser) -> Kind:
    def answer(jwt: str) -> str | None:
        said = register(software_statement=jwt)
        return None if said.status_code == 201 else str(said.json()["error"])

    key = statements.KEY
    claims = {"iss": statements.ISSUER, "aud": ISSUER, "exp": int(time.time()) + 60}
    return Kind({"alg": "ES256", "kid": key["kid"]}, claims, private(key), answer)


def hint(browser: Browser, user: EndUser, answer: Callable[[RelyingParty, str], Any]) -> Kind:
    party = RelyingParty(make_client(), browser, user)
    ours = keys.active_signer("ES256")
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": party.client.client_id, "sub": "x", "iat": now, "exp": now + 60}
    header = {"alg": "ES256", "kid": ours.kid, "typ": "JWT"}
    return Kind(header, claims, ours.key, lambda jwt: answer(party, jwt))


def hint_at_authorize(browser: Browser, user: EndUser) -> Kind:
    def answer(party: RelyingParty, jwt: str) -> str | None:
        form = {**party.parameters(prompt="none"), "id_token_hint": jwt}
        error = party.answer(
            party.browser.settle(party.browser.post("/authorize", data=form))
        ).error
        return None if error == "login_required" else error

    return hint(browser, user, answer)


def hint_at_logout(browser: Browser, user: EndUser) -> Kind:
    def answer(party: RelyingParty, jwt: str) -> str | None:
        page = party.browser.settle(party.browser.post("/end_session", data={"id_token_hint": jwt}))
        return "invalid_request" if "The app couldn’t sign you out" in page.text else None

    return hint(browser, user, answer)


KINDS: dict[Callable[[Browser, EndUser], Kind], str] = {
    assertion: "invalid_client",
    request_object: "invalid_request_object",
    software_statement: "invalid_software_statement",
    hint_at_authorize: "invalid_request",
    hint_at_logout: "invalid_request",
}
EVERY = frozenset(KINDS)
HINTS = frozenset({hint_at_authorize, hint_at_logout})


# --- the faults ---------------------------------------------------------------------------------


def header(**members: Any) -> Callable[[Kind], str]:
    return lambda kind: signed({**kind.header, **members}, kind.claims, kind.key)


def claims(**members: Any) -> Callable[[Kind], str]:
    return lambda kind: signed(kind.header, {**kind.claims, **members}, kind.key)


def without(name: str) -> Callable[[Kind], str]:
    return lambda kind: signed(
        kind.header, {n: v for n, v in kind.claims.items() if n != name}, kind.key
    )


def repeated(part: dict[str, Any], name: str) -> bytes:
    """Return the JSON of a part with one member twice, the good one last."""
    return b'{"%s": "x", %s' % (name.encode(), json.dumps(part).encode()[1:])


def tampered(kind: Kind) -> str:
    head, _, signature = signed(kind.header, kind.claims, kind.key).split(".")
    return f"{head}.{base64url(json.dumps({**kind.claims, 'x': 1}).encode())}.{signature}"


def unsigned(kind: Kind) -> str:
    jwt = signed({**kind.header, "alg": "none"}, kind.claims, kind.key)
    return jwt.rpartition(".")[0] + "."


def by_public_key(kind: Kind) -> str:
    head = {**kind.header, "alg": "HS256"}
    return signed(head, kind.claims, public_text(kind.key), "HS256")


def encrypted(kind: Kind) -> str:
    jwe = {"alg": "dir", "enc": "A256GCM", "kid": kind.header["kid"]}
    return f"{base64url(json.dumps(jwe).encode())}.AAAA.AAAA.AAAA.AAAA"


NOW, HOUR = int(time.time()), 3600
#: Every fault: what makes it, and the kinds that it is none for.
FAULTS: dict[str, tuple[Callable[[Kind], str], frozenset[Any]]] = {
    "no JWT": (lambda _: "x", frozenset()),
    "encrypted": (encrypted, frozenset()),
    "a long header": (header(x="x" * 5_000), frozenset()),
    "a member of the header twice": (
        lambda kind: signed(repeated(kind.header, "typ"), kind.claims, kind.key),
        frozenset(),
    ),
    "a claim twice": (
        lambda kind: signed(kind.header, repeated(kind.claims, "aud"), kind.key),
        frozenset(),
    ),
    "claims that are no object": (
        lambda kind: signed(kind.header, [kind.claims], kind.key),
        frozenset(),
    ),
    "crit": (header(crit=["exp"]), frozenset()),
    "b64": (header(b64=False), frozenset()),
    "unsigned": (unsigned, frozenset()),
    "another alg than it is signed by": (header(alg="ES384"), frozenset()),
    "an alg that is no text": (header(alg=["ES256"]), frozenset()),
    "signed with the public key": (by_public_key, frozenset()),
    "signed by a stranger": (
        lambda kind: signed(kind.header, kind.claims, private(STRANGER)),
        frozenset(),
    ),
    "a key of its own": (
        lambda kind: signed(
            {**kind.header, "jwk": STRANGER.export_public(as_dict=True)},
            kind.claims,
            private(STRANGER),
        ),
        frozenset(),
    ),
    "changed": (tampered, frozenset()),
    "an unknown kid": (header(kid="x"), frozenset()),
    "a kid that is no text": (header(kid=["x"]), frozenset()),
    "no kid": (header(kid=None), EVERY - HINTS),
    "an access token": (header(typ="at+jwt"), frozenset()),
    "a logout token": (header(typ="logout+jwt"), frozenset()),
    "a typ that is no text": (header(typ={"a": 1}), frozenset()),
    "another iss": (claims(iss=ELSEWHERE), frozenset()),
    "an iss that is no text": (claims(iss=[ISSUER]), frozenset()),
    "no iss": (without("iss"), frozenset()),
    "another aud": (claims(aud=ELSEWHERE), frozenset()),
    "no aud": (without("aud"), frozenset({software_statement})),
    "an empty aud": (claims(aud=[]), frozenset()),
    "an aud that is no text": (claims(aud=1), frozenset()),
    "an aud among others": (
        lambda kind: claims(aud=[kind.claims["aud"], ELSEWHERE])(kind),
        frozenset({request_object, software_statement}),
    ),
    "expired": (claims(exp=NOW - HOUR), HINTS),
    "no exp": (without("exp"), HINTS | {software_statement}),
    "an exp that is no number": (claims(exp="soon"), HINTS),
    "an exp that is true": (claims(exp=True), HINTS),
    "an endless exp": (
        lambda kind: signed(
            kind.header, json.dumps({**kind.claims, "exp": 0}).replace(
                '"exp": 0', '"exp": 1e400'
            ).encode(), kind.key
        ),
        HINTS,
    ),
    "an exp far ahead": (claims(exp=NOW + 24 * HOUR), EVERY - {assertion}),
    "not yet good": (claims(nbf=NOW + HOUR), HINTS),
    "an nbf that is no number": (claims(nbf=[NOW]), HINTS),
    "made in the future": (claims(iat=NOW + HOUR), HINTS | {request_object}),
    "an iat that is no number": (claims(iat="now"), HINTS | {request_object}),
    "no jti": (without("jti"), EVERY - {assertion}),
    "a jti that is no text": (claims(jti=["x"]), EVERY - {assertion} - HINTS),
    "a jti, as in access tokens": (claims(jti="an-access-token"), EVERY - HINTS),
    "another sub": (claims(sub="y"), EVERY - {assertion}),
}  # fmt: skip


#: Faults that leave a software statement without an issuer that is trusted here.
UNAPPROVED = {
    *("another iss", "an iss that is no text", "no iss"),
    *("a claim twice", "claims that are no object"),
}


@spec("RFC 7519", "4.1")
@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_each_fault_has_the_error_of_its_kind(
    browser: Browser, user: EndUser, make: Callable[[Browser, EndUser], Kind]
) -> None:
    kind, said, wanted = make(browser, user), {}, {}
    for name, (fault, harmless) in FAULTS.items():
        said[name] = kind.refuses(fault(kind))
        wanted[name] = None if make in harmless else KINDS[make]
        if make is software_statement and name in UNAPPROVED:
            wanted[name] = "unapproved_software_statement"
        if said[name] is None and make is assertion:
            kind = make(browser, user)  # its jti is used up
    assert said == wanted
    fresh = make(browser, user)
    assert fresh.refuses(signed(fresh.header, fresh.claims, fresh.key)) is None
