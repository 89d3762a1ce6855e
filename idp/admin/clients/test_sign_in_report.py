"""Report a test sign-in step by step, as the client sees it. OIDC Core §3.1.2, §3.1.3, §5.3."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from idp import events, keys, policy
from idp.admin.clients import meanings
from idp.admin.clients.test_sign_in_steps import Finding, Refusal, Step, members, moment, same
from idp.authorization.test_sign_in import TestSignIn
from idp.clients import lookup
from idp.endpoints import token, userinfo
from idp.jose.verify import header_of
from idp.models import AuthorizationCode, Client, Grant
from idp.protocol.errors import InvalidClient, ProtocolError
from idp.protocol.parameters import Parameters
from idp.statements.tokens import find_bearer, hash_of
from idp.tokens.revocation import revoke_grants


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
    code = answer.get("code")
    steps = [_request(test_sign_in), _answer(test_sign_in, answer)]
    try:
        if code is not None and not steps[-1].failed:
            steps += _what_the_code_gives(request, client, test_sign_in, code)
    finally:
        given = _revoke(client, test_sign_in, code) if code is not None else None
    return Report(steps, given.user if given else None, _untried(client))


def _revoke(client: Client, test_sign_in: TestSignIn, code: str) -> Grant | None:
    """Revoke the grant of a test sign-in's code, redeemed or not, and return it."""
    own = AuthorizationCode.objects.filter(
        code=hash_of(code),
        application=client,
        redirect_uri=test_sign_in.parameters["redirect_uri"],
    )
    given = Grant.objects.filter(pk__in=own.values("grant_id"))
    revoke_grants(given.values("pk"), timezone.now())
    return given.select_related("user").first()


def _untried(client: Client) -> list[str]:
    by = {"method": client.token_endpoint_auth_method}
    untried = {
        _("Its redirect URIs, and what it does there with the answer."): True,
        _("How it proves itself (%(method)s): its secret or key is its own.") % by: (
            not client.is_public
        ),
        _("Its signature on the request, which it has to send; the test’s request has none."): (
            client.require_signed_request_object
        ),
        _("Going without PKCE, which it is allowed to do; the test used it."): (
            not client.pkce_required
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
        _("This came back in the browser’s address."),
        members(answer.values, meanings.ANSWER),
        [
            same("state", answer.get("state"), state, _("The one of the request.")),
            same("iss", answer.get("iss"), policy.ISSUER, _("This provider.")),
        ],
    )
    error, uri = answer.get("error"), answer.get("error_uri") or ""
    if error is not None:
        reference = parse_qs(urlsplit(uri).query).get("reference", [""])[0]
        step.refusal = Refusal(error, answer.get("error_description") or "", reference, uri)
    elif answer.get("code") is None:
        step.findings.append(Finding("code", _("None came."), right=False))
    return step


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


def _id_token(client: Client, test_sign_in: TestSignIn, id_token: str, access_token: str) -> Step:
    """OIDC Core §3.1.3.7, §3.1.3.8."""
    step = Step(
        _("The ID token"), _("The app checks each of these before it believes who signed in.")
    )
    claims = step.read(client, id_token, "id_token")
    if claims is None:
        return step
    nonce, exp = test_sign_in.parameters["nonce"], claims["exp"]
    at_hash = keys.signer_for(client, client.id_token_signed_response_alg).half_hash(access_token)
    until = _("It is good until %(time)s.") % {"time": moment(exp)}
    step.findings += [
        same("iss", claims.get("iss"), policy.ISSUER, _("This provider.")),
        same("aud", claims.get("aud"), client.client_id, _("This app.")),
        Finding("exp", until, right=exp > timezone.now().timestamp()),
        same("nonce", claims.get("nonce"), nonce, _("The one of the request.")),
        same("at_hash", claims.get("at_hash"), at_hash, _("The hash of the access token.")),
    ]
    if "sid" not in claims:
        left_out = _(
            "Left out here: a test takes no part in the session, so that the app is notified of no "
            "sign-out. At a real sign-in it comes."
        )
        step.findings.append(Finding("sid", left_out))
    return step


def _userinfo(request: HttpRequest, client: Client, access_token: str, id_token: Step) -> Step:
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
    known = next((member.value for member in id_token.members if member.name == "sub"), None)
    if known is not None:
        step.findings.append(same("sub", claims.get("sub"), known, _("The one of the ID token.")))
    return step


def _refused(
    request: HttpRequest, client: Client, error: ProtocolError, sent: Parameters | None = None
) -> Refusal:
    reference = events.denied(error, request, client_id=client.client_id, parameters=sent)
    explained_at = policy.error_uri(error.page, reference)
    return Refusal(error.code, error.description, reference, explained_at)
