"""What an app's developer pastes: how common libraries are set up, with a client's own values.

docs/relying-parties.md shows the same texts; a test compares them.
"""

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from string import Template
from urllib.parse import quote

from idp import policy
from idp.models import Client, ResourceServer

_SCOPES = ("openid", "profile", "email")
_BY_SECRET = frozenset({"client_secret_basic", "client_secret_post"})


@dataclass(frozen=True)
class Values:
    """What a quick start is filled in with."""

    issuer: str
    client_id: str
    redirect_uri: str = ""
    scope: str = " ".join(_SCOPES)
    algorithm: str = policy.SIGNING_ALGORITHMS[0]
    #: How the client proves itself: client_secret_basic, client_secret_post or none.
    method: str = "client_secret_basic"
    #: The API that a machine asks for tokens for, if any.
    resource: str = ""


@dataclass(frozen=True)
class QuickStart:
    """A library, and what to write for it."""

    name: str
    #: Whether it suits this client.
    suits: Callable[[Client], bool]
    template: str

    def filled(self, values: Values) -> str:
        """Return the text with these values, each as a literal of its language."""
        posts = values.method == "client_secret_post"
        literals = {
            "issuer": _literal(values.issuer),
            "client_id": _literal(values.client_id),
            "redirect_uri": _literal(values.redirect_uri),
            "scope": _literal(values.scope),
            "algorithm": _literal(values.algorithm),
            "discovery": _literal(values.issuer + policy.DISCOVERY_PATHS[0]),
            "basic": str(not posts),
            "posted": ', "token_endpoint_auth_method": "client_secret_post"' if posts else "",
            "openid_client": "ClientSecretPost" if posts else "ClientSecretBasic",
            "authorize": _literal(values.issuer + policy.PATHS["authorization_endpoint"]),
            "token": _literal(values.issuer + policy.PATHS["token_endpoint"]),
            "userinfo": _literal(values.issuer + policy.PATHS["userinfo_endpoint"]),
            "jwks": _literal(values.issuer + policy.PATHS["jwks_uri"]),
            "curl": _curl(values),
        }
        return Template(self.template).substitute(literals)


def quick_starts_of(client: Client) -> list[tuple[str, str]]:
    """Return the names and texts that suit a client; none where it proves itself by keys."""
    if client.token_endpoint_auth_method not in {*_BY_SECRET, "none"}:
        return []
    values = Values(
        issuer=policy.ISSUER,
        client_id=client.client_id,
        redirect_uri=next(iter(client.redirect_uris), ""),
        scope=" ".join(scope for scope in _SCOPES if scope in client.allowed_scopes),
        algorithm=client.id_token_signed_response_alg,
        method=client.token_endpoint_auth_method,
        resource=_resource_of(client) if _is_machine(client) else "",
    )
    return [(start.name, start.filled(values)) for start in QUICK_STARTS if start.suits(client)]


def _signs_in(client: Client) -> bool:
    return "authorization_code" in client.grant_types


def _is_website(client: Client) -> bool:
    return _signs_in(client) and not client.is_public


def _is_single_page(client: Client) -> bool:
    native = client.application_type == Client.ApplicationType.NATIVE
    return _signs_in(client) and client.is_public and not native


def _is_native(client: Client) -> bool:
    native = client.application_type == Client.ApplicationType.NATIVE
    return _signs_in(client) and client.is_public and native


def _is_machine(client: Client) -> bool:
    return "client_credentials" in client.grant_types


def _resource_of(client: Client) -> str:
    """Return the first API that the client has a scope of, or nothing."""
    wanted = set(client.scopes)
    apis = ResourceServer.objects.order_by("identifier") if wanted else ()
    return next((api.identifier for api in apis if wanted & set(api.scopes)), "")


def _literal(text: str) -> str:
    """Return a string as Python and JavaScript both write it."""
    return json.dumps(text, ensure_ascii=False)


def _curl(values: Values) -> str:
    """Return the request as a shell reads it. RFC 6749 §2.3.1 has the client_id percent-encoded."""
    token = shlex.quote(values.issuer + policy.PATHS["token_endpoint"])
    if values.method == "client_secret_post":
        identified = shlex.quote(f"client_id={values.client_id}")
        proof = (
            f'--data-urlencode {identified} \\\n  --data-urlencode "client_secret=$CLIENT_SECRET"'
        )
    else:
        proof = f'-u {shlex.quote(quote(values.client_id, safe=""))}:"$CLIENT_SECRET"'
    resource = shlex.quote(f"resource={values.resource}")
    more = f" \\\n  --data-urlencode {resource}" if values.resource else ""
    return f"curl {token} \\\n  {proof} \\\n  -d grant_type=client_credentials{more}"


QUICK_STARTS: tuple[QuickStart, ...] = (
    QuickStart(
        "Python: Django with mozilla-django-oidc",
        _is_website,
        """\
import os

OIDC_RP_CLIENT_ID = $client_id
OIDC_RP_CLIENT_SECRET = os.environ["CLIENT_SECRET"]
OIDC_RP_SIGN_ALGO = $algorithm
OIDC_RP_SCOPES = $scope
OIDC_USE_PKCE = True
OIDC_TOKEN_USE_BASIC_AUTH = $basic
OIDC_OP_AUTHORIZATION_ENDPOINT = $authorize
OIDC_OP_TOKEN_ENDPOINT = $token
OIDC_OP_USER_ENDPOINT = $userinfo
OIDC_OP_JWKS_ENDPOINT = $jwks""",
    ),
    QuickStart(
        "Python: Flask with Authlib",
        _is_website,
        """\
oauth.register(
    "signet",
    client_id=$client_id,
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url=$discovery,
    client_kwargs={"scope": $scope, "code_challenge_method": "S256"$posted},
)""",
    ),
    QuickStart(
        "JavaScript: Express with openid-client",
        _is_website,
        """\
import * as client from "openid-client"

const config = await client.discovery(
  new URL($issuer),
  $client_id,
  { id_token_signed_response_alg: $algorithm },
  client.$openid_client(process.env.CLIENT_SECRET),
)
// to begin: keep verifier and state in the browser's session, and send the browser to address
const verifier = client.randomPKCECodeVerifier()
const state = client.randomState()
const address = client.buildAuthorizationUrl(config, {
  redirect_uri: $redirect_uri,
  scope: $scope,
  state,
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
})
// at the redirect URI: url is the address that the browser came to
const tokens = await client.authorizationCodeGrant(config, url, {
  pkceCodeVerifier: verifier,
  expectedState: state,
})
const person = tokens.claims()""",
    ),
    QuickStart(
        "JavaScript: single-page app with oidc-client-ts",
        _is_single_page,
        """\
import { UserManager } from "oidc-client-ts"

const manager = new UserManager({
  authority: $issuer,
  client_id: $client_id,
  redirect_uri: $redirect_uri,
  scope: $scope,
})
await manager.signinRedirect() // at a button
const person = await manager.signinCallback() // at the redirect URI""",
    ),
    QuickStart(
        "Python: desktop app with Authlib",
        _is_native,
        """\
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session

session = OAuth2Session(
    $client_id,
    token_endpoint_auth_method="none",
    scope=$scope,
    redirect_uri=$redirect_uri,
    code_challenge_method="S256",
)
verifier = generate_token(48)
address, state = session.create_authorization_url(
    $authorize, code_verifier=verifier
)
# open address in the browser; answer is the address that it comes back to
token = session.fetch_token(
    $token,
    authorization_response=answer,
    state=state,
    code_verifier=verifier,
)""",
    ),
    QuickStart("A machine with curl", _is_machine, "$curl"),
)
