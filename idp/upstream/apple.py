"""Sign-in with Apple: OpenID Connect, with a secret that our key signs, and answers by a form.

The form comes without cookies of ours (`openid.kept`). A user's name is in it, once and unsigned.
"""

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext

from accounts.upstream import links
from accounts.upstream.identity import Identity
from accounts.upstream.journeys import Asked, Journey
from accounts.upstream.model import Upstream
from accounts.upstream.refusals import UpstreamRefusedError
from idp.jose.signatures import signer
from idp.protocol import json_objects
from idp.protocol.errors import InvalidRequest
from idp.upstream import discovery, id_token, openid

NAME = "apple"
ISSUER = "https://appleid.apple.com"
SCOPES = "openid name email"
#: What an operator sets in `Upstream.settings`, each ten letters and digits.
SETTINGS = ("team_id", "key_id")
_ID = re.compile(r"[A-Z0-9]{10}")
#: Seconds for which a client secret may be used.
_LIVES = 300
#: Claims (OIDC Core §5.1) by the members of a name in the form.
_NAMES = {"given_name": "firstName", "family_name": "lastName"}
_LONGEST_NAME = 100


def begin(request: HttpRequest, upstream: Upstream, asked: Asked) -> HttpResponse:
    """Redirect the browser to Apple. Raises NoNewSignInError, UnreachableError."""
    openid.refuse_new_sign_in(asked)
    return openid.send(
        request,
        upstream,
        asked,
        discovery.of(upstream),
        nonce=openid.new_nonce(),
        scope=openid.with_openid(upstream.scopes or SCOPES),
        response_mode="form_post",
    )


def identity(upstream: Upstream, parameters: Mapping[str, str], journey: Journey) -> Identity:
    """Redeem the code of an answer, judge the ID token, and return who it is.

    Raises UpstreamRefusedError.
    """
    found = discovery.of(upstream)
    openid.is_from(found, parameters)
    secret = client_secret(upstream)
    tokens = openid.redeemed(upstream, found, parameters, journey, secret)
    nonce = journey.noted["nonce"]
    claims = id_token.judged(upstream, found, tokens, nonce, timezone.now())
    if claims.get("email_verified") == "true":  # Apple sends true, or this text.
        claims = {**claims, "email_verified": True}
    return openid.identity_of(upstream, {**_name_in(parameters.get("user", "")), **claims})


def client_secret(upstream: Upstream) -> str:
    """Return a JWT that proves us to be the client. Raises UpstreamRefusedError for a wrong key."""
    key = _key_in(upstream.secret)
    if key is None:
        raise UpstreamRefusedError("There is no usable private key for this upstream.")
    now = int(time.time())
    claims = {
        "iss": upstream.settings["team_id"],
        "sub": upstream.client_id,
        "aud": upstream.issuer,
        "iat": now,
        "exp": now + _LIVES,
    }
    return signer(upstream.settings["key_id"], "ES256", key).sign(claims)


def problems(upstream: Upstream) -> Iterator[tuple[str, str]]:
    """Yield a column and a sentence for each setting that can't be right."""
    said = upstream.settings
    if not isinstance(said, dict) or set(said) != set(SETTINGS):
        yield "settings", gettext("Enter the team ID and the key ID.")
        return
    for name in SETTINGS:
        if not isinstance(said[name], str) or _ID.fullmatch(said[name]) is None:
            yield "settings", gettext("Team ID and key ID have ten letters and digits each.")
            return
    # What a variable has, only the server knows.
    if upstream.sealed_secret and _key_in(upstream.secret) is None:
        yield (
            "new_secret",
            gettext("Paste the whole private key: the .p8 file that Apple gave you."),
        )
    before = Upstream.objects.filter(pk=upstream.pk, kind=NAME).first() if upstream.pk else None
    is_other = before is not None and before.settings.get("team_id") != said["team_id"]
    if before is not None and is_other and links.number_at(before.slug):
        # A subject belongs to one team.
        yield "settings", gettext("People have connected accounts of it: make another one instead.")


def _key_in(pem: str) -> EllipticCurvePrivateKey | None:
    """Return the P-256 key of a text in PEM, if there is one."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    is_usable = isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1)
    return key if is_usable else None  # type: ignore[return-value]


def _name_in(user: str) -> dict[str, str]:
    """Return the claims about a name that the form has. Nothing else of it is taken: who sends it
    may write what they like.
    """
    try:
        said: Any = json_objects.parse(user).get("name") if user else None
    except InvalidRequest:
        return {}
    if not isinstance(said, dict):
        return {}
    names = {claim: said.get(member) for claim, member in _NAMES.items()}
    fitting = {
        claim: name
        for claim, name in names.items()
        if isinstance(name, str) and name.isprintable() and 0 < len(name) <= _LONGEST_NAME
    }
    return {**fitting, "name": " ".join(fitting.values())} if fitting else {}
