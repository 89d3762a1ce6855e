"""Report a test sign-in step by step, as the client sees it. OIDC Core §3.1.2, §3.1.3, §5.3."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from foundation.statements import hash_of
from idp import events, keys, policy
from idp.admin.clients import meanings
from idp.admin.clients.test_sign_in_steps import Finding, Refusal, Step, members, moment, same
from idp.authorization.test_sign_in import TestSignIn
from idp.clients import lookup
from idp.endpoints import token, userinfo
from idp.jose.verify import header_of
from idp.models import Client, Grant
from idp.protocol import response_types
from idp.protocol.errors import InvalidClient, ProtocolError
from idp.protocol.parameters import Parameters
from idp.statements.bearers import find_bearer
from idp.tokens.revocation import revoke_grants

#: Members of an answer that are named otherwise than the part of the response type.
_NAMES = {response_types.TOKEN: "access_token"}


@dataclass(frozen=True)
class Report:
    """All steps, as far as it came."""

    steps: list[Step]
    #: The user who signed in, if any.
    user: User | None
    #: Steps that could not be tested, since only the client can do them.
    untried: list[str]

    @property
    def failed(self) -> Step | None:
        """The step at which an app would have stopped, if there is one."""
        return next((step for step in self.steps if step.failed), None)


def report(
    request: HttpRequest, client: Client, test_sign_in: TestSignIn, answer: Parameters
) -> Report:
    """Take a response as the client would and report it; tokens are revoked afterwards."""
    steps = [_request(test_sign_in), _answer(test_sign_in, answer)]
    try:
        if not steps[-1].failed:
            steps += _what_came(request, client, test_sign_in, answer)
    finally:
        given = _revoke(client, test_sign_in) if "error" not in answer.values else None
    return Report(steps, given.user if given else None, _untried(client, test_sign_in))


def _revoke(client: Client, test_sign_in: TestSignIn) -> Grant | None:
    """Revoke the grant of a test sign-in, and return it: only its request had this nonce."""
    own = Grant.objects.filter(client=client, nonce=test_sign_in.parameters["nonce"])
    given = own.select_related("user").order_by("-id").first()
    if given is not None:
        revoke_grants([given.pk], timezone.now())
    return given


def _untried(client: Client, test_sign_in: TestSignIn) -> list[str]:
    by = {"method": client.token_endpoint_auth_method}
    has_code = response_types.CODE in test_sign_in.wanted
    untried = {
        _("Its redirect URIs, and what it does there with the answer."): True,
        _("How it proves itself (%(method)s): its secret or key is its own.") % by: (
            has_code and not client.is_public
        ),
        _("Taking the answer out of its address (fragment); the test had the browser post it."): (
            "response_mode" in test_sign_in.parameters
        ),
        _("Its signature on the request, which it has to send; the test’s request has none."): (
            client.require_signed_request_object
        ),
        _("Pushing the request (PAR), which it has to do; the test’s request was not pushed."): (
            client.require_pushed_authorization_requests
        ),
        _("Proving its key (DPoP), which it has to do for tokens; those of the test were free."): (
            client.dpop_bound_access_tokens
        ),
        _("Its TLS certificate, which its tokens are bound to; those of the test were free."): (
            client.tls_client_certificate_bound_access_tokens
        ),
        _("Going without PKCE, which it is allowed to do; the test used it."): (
            has_code and not client.pkce_required
        ),
    }
    return [words for words, holds in untried.items() if holds]


# --- the browser's part -------------------------------------------------------------------------


def _request(test_sign_in: TestSignIn) -> Step:
    return Step(
        _("The request"),
        _("The browser took this to the authorization endpoint, as the app would have it do."),
        members(test_sign_in.parameters, meanings.REQUEST),
    )


def _answer(test_sign_in: TestSignIn, answer: Parameters) -> Step:
    """RFC 6749 §4.1.2, RFC 9207 §2.4: state and iss are compared before anything else."""
    state = test_sign_in.parameters["state"]
    step = Step(
        _("The answer"),
        _("The browser posted this in a form.")
        if "response_mode" in test_sign_in.parameters
        else _("This came back in the browser’s address."),
        members(answer.values, meanings.TOKENS | meanings.ANSWER),
        [
            same("state", answer.get("state"), state, _("The one of the request.")),
            same("iss", answer.get("iss"), policy.ISSUER, _("This provider.")),
        ],
    )
    error, uri = answer.get("error"), answer.get("error_uri") or ""
    if error is not None:
        reference = parse_qs(urlsplit(uri).query).get("reference", [""])[0]
        step.refusal = Refusal(error, answer.get("error_description") or "", reference, uri)
        return step
    for part in sorted(test_sign_in.wanted):
        name = _NAMES.get(part, part)
        if answer.get(name) is None:
            step.findings.append(Finding(name, _("None came."), right=False))
    return step


def _what_came(
    request: HttpRequest, client: Client, test_sign_in: TestSignIn, answer: Parameters
) -> Iterator[Step]:
    """Check the tokens of the answer, then redeem its code. OIDC Core §3.2.2.8, §3.3.2.8."""
    came = {part: answer.get(_NAMES.get(part, part)) for part in test_sign_in.wanted}
    code, access_token = came.get(response_types.CODE), came.get(response_types.TOKEN)
    step = None
    if id_token := came.get(response_types.ID_TOKEN):
        yield (step := _id_token(client, test_sign_in, id_token, access_token, code))
        if step.failed:  # what came along may be another user's
            return
    if access_token is not None:
        if header_of(access_token) is not None:
            yield _jwt_access_token(access_token)
        if "openid" in (answer.get("scope") or "").split():
            yield _userinfo(request, client, access_token, step)
    if code is not None:
        yield from _what_the_code_gives(request, client, test_sign_in, code)


# --- the app's own part -------------------------------------------------------------------------


def _what_the_code_gives(
    request: HttpRequest, client: Client, test_sign_in: TestSignIn, code: str
) -> Iterator[Step]:
    """Redeem the code as the token endpoint does once it knows the client."""
    about = _("The app sends the code, with the secret behind code_challenge, and gets this.")
    yield (step := Step(_("The tokens"), about))
    sent = Parameters(
        {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": test_sign_in.parameters["redirect_uri"],
            "code_verifier": test_sign_in.code_verifier,
        }
    )
    try:
        current = lookup.find(client.client_id, InvalidClient)
        issued = token.tokens_for(request, current, sent)
    except ProtocolError as error:
        step.refusal = _refused(request, client, error, sent)
        return
    step.members = members(issued, meanings.TOKENS)
    access_token = issued["access_token"]
    if header_of(access_token) is not None:
        yield _jwt_access_token(access_token)
    if "id_token" in issued:
        yield (claims := _id_token(client, test_sign_in, issued["id_token"], access_token))
        yield _userinfo(request, client, access_token, claims)
    else:
        without = _(
            "None came, since the app may not ask for the scope openid: it does not learn who "
            "signed in, and can’t ask UserInfo either."
        )
        step.findings.append(Finding("id_token", without))


def _jwt_access_token(access_token: str) -> Step:
    step = Step(
        _("The access token"),
        _("It is a JWT: APIs can check it by our published keys. To the app it means nothing."),
    )
    step.read_jwt(access_token)
    return step


def _id_token(
    client: Client,
    test_sign_in: TestSignIn,
    id_token: str,
    access_token: str | None,
    code: str | None = None,
) -> Step:
    """OIDC Core §3.1.3.7, §3.1.3.8; of one in the answer §3.2.2.11, §3.3.2.11."""
    step = Step(
        _("The ID token"), _("The app checks each of these before it believes who signed in.")
    )
    claims = step.read(client, id_token, "id_token")
    if claims is None:
        return step
    nonce, exp = test_sign_in.parameters["nonce"], claims["exp"]
    half_hash = keys.signer_for(client, client.id_token_signed_response_alg).half_hash
    until = _("It is good until %(time)s.") % {"time": moment(exp)}
    step.findings += [
        same("iss", claims.get("iss"), policy.ISSUER, _("This provider.")),
        same("aud", claims.get("aud"), client.client_id, _("This app.")),
        Finding("exp", until, right=exp > timezone.now().timestamp()),
        same("nonce", claims.get("nonce"), nonce, _("The one of the request.")),
    ]
    for name, value, words in (
        ("at_hash", access_token, _("The hash of the access token.")),
        ("c_hash", code, _("The hash of the code.")),
    ):
        if value is not None:
            step.findings.append(same(name, claims.get(name), half_hash(value), words))
    if "sid" not in claims:
        left_out = _(
            "Left out here: a test takes no part in the session, so that the app is notified of no "
            "sign-out. At a real sign-in it comes."
        )
        step.findings.append(Finding("sid", left_out))
    return step


def _userinfo(
    request: HttpRequest, client: Client, access_token: str, id_token: Step | None
) -> Step:
    """OIDC Core §5.3.2, §5.3.4."""
    step = Step(_("UserInfo"), _("The app shows the access token, and receives this."))
    try:
        bearer = find_bearer(hash_of(access_token))
        answer = userinfo.answer_to(userinfo.accepted(bearer))
    except ProtocolError as error:
        step.refusal = _refused(request, client, error)
        return step
    claims = step.read(client, answer.content.decode(), "userinfo")
    if claims is None:
        return step
    if answer["Content-Type"] == "application/jwt":
        step.findings += [
            same("iss", claims.get("iss"), policy.ISSUER, _("This provider.")),
            same("aud", claims.get("aud"), client.client_id, _("This app.")),
        ]
    shown = id_token.members if id_token else []
    known = next((member.value for member in shown if member.name == "sub"), None)
    if known is not None:
        step.findings.append(same("sub", claims.get("sub"), known, _("The one of the ID token.")))
    return step


def _refused(
    request: HttpRequest, client: Client, error: ProtocolError, sent: Parameters | None = None
) -> Refusal:
    reference = events.denied(error, request, client_id=client.client_id, parameters=sent)
    explained_at = policy.error_uri(error.page, reference)
    return Refusal(error.code, error.description, reference, explained_at)
