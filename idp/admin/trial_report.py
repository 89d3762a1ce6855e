"""What an app would have made of a sign-in, step by step, in words. OIDC Core §3.1.2.7, §3.1.3.7.

Codes and tokens are told of, read and checked, but not shown: a signed token proves its claims to
whoever believes the signature alone, revoked or not.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import User
from idp import events, keys, policy
from idp.admin import meanings
from idp.authorization.trial import Trial
from idp.clients import secrets
from idp.clients.encryption import opened_for
from idp.clients.lookup import with_client
from idp.endpoints import token, userinfo
from idp.jose.decrypt import header_of_jwe
from idp.jose.verify import header_of, is_encrypted, octet_keys, unproven_claims, verified_by
from idp.models import Authorization, AuthorizationCode, Client
from idp.protocol.errors import InvalidClient, ProtocolError
from idp.protocol.parameters import Parameters
from idp.statements import find_bearer
from idp.tokens import opaque
from idp.tokens.revocation import revoke_families

_SECRET = frozenset({"code", "access_token", "refresh_token", "id_token"})
_TIMES = frozenset({"exp", "iat", "auth_time", "updated_at"})


@dataclass(frozen=True)
class Member:
    """A parameter, header or claim as it is read."""

    name: str
    value: str
    meaning: Any = ""


@dataclass(frozen=True)
class Finding:
    """What an app checks; `right` is None where that can't be said here."""

    about: str
    words: str
    right: bool | None = None


@dataclass(frozen=True)
class Refusal:
    """An error, and where it is explained."""

    code: str
    description: str
    reference: str
    explained_at: str


@dataclass
class Step:
    """One thing that happens between the app and us."""

    title: str
    about: str
    #: Of a token, what its header says; the members are its claims then.
    header: list[Member] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    refusal: Refusal | None = None

    @property
    def failed(self) -> bool:
        """Whether an app would stop here."""
        return self.refusal is not None or any(found.right is False for found in self.findings)


@dataclass
class Report:
    """All steps, as far as it came."""

    steps: list[Step]
    #: Who signed in, if somebody did.
    person: User | None
    #: What this could not try, of what the app does itself.
    untried: list[str]

    @property
    def failed(self) -> Step | None:
        """The step at which an app would have stopped, if there is one."""
        return next((step for step in self.steps if step.failed), None)


def report(http: HttpRequest, client: Client, trial: Trial, answer: Parameters) -> Report:
    """Take an answer as the app would, and tell of it; what was given is revoked afterwards."""
    code = answer.get("code")
    steps = [_request(trial), _answer(trial, answer)]
    try:
        if code is not None and not steps[-1].failed:
            steps += _what_the_code_gives(http, client, trial, code)
    finally:
        given = _revoke(client, trial, code)
    return Report(steps, given.user if given else None, _untried(client))


def _revoke(client: Client, trial: Trial, code: str | None) -> Authorization | None:
    """End all that a trial's code stands for, redeemed or not, and return it."""
    if code is None:
        return None
    given = Authorization.objects.select_related("user").filter(
        pk__in=AuthorizationCode.objects.filter(
            code=opaque.hash_of(code),
            application=client,
            redirect_uri=trial.parameters["redirect_uri"],
        ).values("authorization_id")
    )
    revoke_families(given.values("pk"), timezone.now())
    return given.first()


# --- asking for a sign-in -----------------------------------------------------------------------


def _request(trial: Trial) -> Step:
    return Step(
        _("The request"),
        _("The browser took this to the authorization endpoint, as the app would have it do."),
        members=_members(trial.parameters, meanings.REQUEST),
    )


def _answer(trial: Trial, answer: Parameters) -> Step:
    """RFC 6749 §4.1.2, RFC 9207 §2.4: what comes is compared before anything is done with it."""
    step = Step(
        _("The answer"),
        _("This came back in the browser’s address."),
        members=_members(answer.values, meanings.ANSWER),
        findings=[
            _same(
                "state",
                answer.get("state"),
                trial.parameters["state"],
                _("The one of the request."),
            ),
            _same("iss", answer.get("iss"), policy.ISSUER, _("This provider.")),
        ],
    )
    error, uri = answer.get("error"), answer.get("error_uri") or ""
    if error is not None:
        reference = parse_qs(urlsplit(uri).query).get("reference", [""])[0]
        step.refusal = Refusal(error, answer.get("error_description") or "", reference, uri)
    elif answer.get("code") is None:
        step.findings.append(Finding("code", _("None came."), right=False))
    return step


# --- with the code ------------------------------------------------------------------------------


def _what_the_code_gives(
    http: HttpRequest, client: Client, trial: Trial, code: str
) -> Iterator[Step]:
    step = Step(
        _("The tokens"),
        _("The app’s server sends the code and the secret behind code_challenge, and gets this."),
    )
    sent = Parameters(
        {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": trial.parameters["redirect_uri"],
            "code_verifier": trial.code_verifier,
        }
    )
    yield step
    try:
        issued = with_client(
            client.client_id, InvalidClient, lambda current: token.issue(http, current, sent)
        )
    except ProtocolError as error:
        step.refusal = _refused(http, client, error, sent)
        return
    step.members = _members(issued, meanings.TOKENS)
    access_token = issued["access_token"]
    if header_of(access_token) is not None:
        yield _jwt_access_token(access_token)
    if "id_token" not in issued:
        step.findings.append(
            Finding(
                "id_token",
                _(
                    "None came, since the app may not ask for the scope openid; so it does not "
                    "learn who signed in, and can’t ask UserInfo either."
                ),
            )
        )
        return
    told = _id_token(client, trial, issued["id_token"], access_token)
    yield told
    yield _userinfo(http, client, access_token, told)


def _jwt_access_token(access_token: str) -> Step:
    return Step(
        _("The access token"),
        _("It is a JWT: APIs can check it by our published keys. To the app it means nothing."),
        _members(header_of(access_token) or {}, meanings.HEADER),
        _members(unproven_claims(access_token), meanings.CLAIMS),
    )


def _id_token(client: Client, trial: Trial, id_token: str, access_token: str) -> Step:
    """OIDC Core §3.1.3.7, §3.1.3.8: what the app checks before it believes who signed in."""
    step = Step(
        _("The ID token"),
        _("The app checks each of these before it believes who signed in."),
    )
    claims = _read(client, step, id_token, "id_token")
    if claims is None:
        return step
    now = timezone.now().timestamp()
    signer = keys.signer_for(client, client.id_token_signed_response_alg)
    exp = claims.get("exp", 0)
    step.findings += [
        _same("iss", claims.get("iss"), policy.ISSUER, _("This provider.")),
        _same("aud", claims.get("aud"), client.client_id, _("This app.")),
        Finding("exp", _("It is good until %(time)s.") % {"time": _time(exp)}, right=exp > now),
        _same(
            "nonce", claims.get("nonce"), trial.parameters["nonce"], _("The one of the request.")
        ),
        _same(
            "at_hash",
            claims.get("at_hash"),
            signer.half_hash(access_token),
            _("The hash of the access token."),
        ),
    ]
    if "sid" not in claims:
        step.findings.append(
            Finding(
                "sid",
                _(
                    "Left out here: a test takes no part in the session, so that the app is told of "
                    "no sign-out. At a real sign-in it comes."
                ),
            )
        )
    return step


def _userinfo(http: HttpRequest, client: Client, access_token: str, id_token: Step) -> Step:
    """OIDC Core §5.3.2, §5.3.4."""
    step = Step(_("UserInfo"), _("The app shows the access token, and is told this."))
    try:
        bearer = find_bearer(opaque.hash_of(access_token), timezone.now())
        answer = userinfo.answer_to(bearer)
    except ProtocolError as error:
        step.refusal = _refused(http, client, error)
        return step
    claims = _read(client, step, answer.content.decode(), "userinfo")
    if claims is None:
        return step
    if answer["Content-Type"] == "application/jwt":
        step.findings += [
            _same("iss", claims.get("iss"), policy.ISSUER, _("This provider.")),
            _same("aud", claims.get("aud"), client.client_id, _("This app.")),
        ]
    known = next((member.value for member in id_token.members if member.name == "sub"), None)
    if known is not None:
        step.findings.append(_same("sub", claims.get("sub"), known, _("The one of the ID token.")))
    return step


# --- reading ------------------------------------------------------------------------------------


def _read(client: Client, step: Step, text: str, kind: str) -> dict[str, Any] | None:
    """Return the claims of an answer of this kind, which are noted on the step with its header.

    It may be encrypted, signed or plain JSON, as the client registered. None where only the app
    can read it.
    """
    inside = _opened(client, step, text, kind) if is_encrypted(text) else text
    if inside is None:
        return None
    header = header_of(inside)
    claims: dict[str, Any]
    if header is None:
        claims = json.loads(inside)
    else:
        alg = getattr(client, f"{kind}_signed_response_alg")
        claims = unproven_claims(inside)
        step.header += _members(header, meanings.HEADER)
        step.findings.append(_signature(client, inside, alg))
    step.members = _members(claims, meanings.CLAIMS)
    return claims


def _opened(client: Client, step: Step, jwe: str, kind: str) -> str | None:
    """Return what is inside of what is encrypted, if our part of the key is enough for that."""
    alg = getattr(client, f"{kind}_encrypted_response_alg")
    enc = getattr(client, f"{kind}_encrypted_response_enc")
    step.header += _members(header_of_jwe(jwe) or {}, meanings.HEADER)
    inside = opened_for(client, jwe, alg=alg, enc=enc)
    words = (
        _("It is encrypted to the app’s public key: the app alone can read and check it.")
        if inside is None
        else _("It is encrypted with the client secret, which opens it.")
    )
    step.findings.append(Finding(_("Encryption"), words, right=None if inside is None else True))
    return inside


def _signature(client: Client, jws: str, alg: str) -> Finding:
    """OIDC Core §3.1.3.7: by the algorithm that was registered, and a key as we publish it."""
    if alg in policy.MAC_ALGORITHMS:
        proving = octet_keys(secrets.hmac_keys(client, timezone.now()))
        words = _("Made with the client secret (%(alg)s).")
    else:
        proving = json.loads(keys.key_set().jwks)["keys"]
        words = _("Made with a key that is published at jwks_uri (%(alg)s).")
    right = verified_by(jws, proving, frozenset({alg})) is not None
    if not right:
        words = _("No key that the app can have proves it (%(alg)s).")
    return Finding(_("Signature"), words % {"alg": alg}, right=right)


def _same(about: str, came: Any, wanted: str, what: str) -> Finding:
    """Compare what came with what it has to be, which `what` says in words."""
    right = came == wanted
    differs = _("It is %(came)s, and has to be %(wanted)s.")
    words = what if right else differs % {"came": _text(came), "wanted": wanted}
    return Finding(about, words, right=right)


def _refused(
    http: HttpRequest, client: Client, error: ProtocolError, sent: Parameters | None = None
) -> Refusal:
    reference = events.denied(error, http, client_id=client.client_id, parameters=sent)
    uri = policy.error_uri(error.code, reference)
    return Refusal(error.code, error.description, reference, uri)


def _members(values: Mapping[str, Any], known: Mapping[str, Any]) -> list[Member]:
    return [
        Member(name, _shown(name, value), known.get(name, "")) for name, value in values.items()
    ]


def _shown(name: str, value: Any) -> str:
    if name in _SECRET:
        return _("%(count)d characters, not shown") % {"count": len(value)}
    if name in _TIMES and isinstance(value, int):
        return f"{value} ({_time(value)})"
    return _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _time(seconds: int) -> str:
    return date_format(datetime.fromtimestamp(seconds, UTC), "DATETIME_FORMAT") + " UTC"


# --- what this could not try --------------------------------------------------------------------


def _untried(client: Client) -> list[str]:
    method = client.token_endpoint_auth_method
    untried = {
        _("How the app proves itself (%(method)s): its secret or key is its own.")
        % {"method": method}: not client.is_public,
        _("Its redirect URIs, and what it does there with the answer."): True,
        _("Its signature on the request, which it has to send; the test’s request has none."): (
            client.require_signed_request_object
        ),
        _("PKCE, as the app does it: it is let through without, and the test used it."): (
            not client.pkce_required
        ),
    }
    return [words for words, holds in untried.items() if holds]
