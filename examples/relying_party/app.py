"""A small website that signs users in with Signet, each step in the open. OIDC Core §3.1.

Authlib does the protocol; everything a website has to add is on this page. `make run` starts it.
Configuration comes from the environment: OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET,
API_IDENTIFIER.
"""

import base64
import json
import os
import secrets
import threading
from typing import Any

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, render_template, request, session, url_for
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from werkzeug.wrappers import Response

ISSUER = os.environ.get("OIDC_ISSUER", "http://localhost:8000")
#: The API that Bakery calls: its address, and by that name Signet knows it.
API = os.environ.get("API_IDENTIFIER", "http://localhost:8003/")
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
PATIENCE = 10  # seconds that a user waits for the provider


class Memory:
    """What stays on this server, where a real site has its database; the oldest is forgotten.

    Tokens do not belong in the cookie: it is signed but readable, and browsers drop it over 4 KB.
    """

    def __init__(self, most: int = 1000) -> None:
        self._kept: dict[str, Any] = {}
        self._most = most

    def get(self, key: str) -> Any:
        """Return what is kept under this key, or None."""
        return self._kept.get(key)

    def set(self, key: str, value: Any, _lifetime: int = 0) -> None:
        """Keep a value; what is the oldest makes room for it."""
        self._kept[key] = value
        for oldest in list(self._kept)[: -self._most]:
            self.delete(oldest)

    def items(self) -> list[tuple[str, Any]]:
        """Return all that is kept, by its keys."""
        return list(self._kept.items())

    def delete(self, key: str) -> None:
        """Forget what is kept under this key."""
        self._kept.pop(key, None)


app = Flask(__name__)
app.secret_key = secrets.token_hex(32)  # signs the cookie; a restart forgets all users
app.config["SESSION_COOKIE_NAME"] = "bakery"
# Lax: the cookie comes along when Signet sends the user back, but not with another site's forms.
app.config["SESSION_COOKIE_SAMESITE"] = "Lax"

sign_ins = Memory()
refreshing = threading.Lock()

# Step 0: the addresses, keys and algorithms of the provider come from its discovery document.
oauth = OAuth(app, cache=Memory())
oauth.register(
    "signet",
    client_id=os.environ.get("OIDC_CLIENT_ID", "bakery"),
    client_secret=os.environ.get(
        "OIDC_CLIENT_SECRET", "demo-bakery-secret-only-for-your-own-machine"
    ),
    server_metadata_url=f"{ISSUER}/.well-known/openid-configuration",
    client_kwargs={
        "scope": "openid profile email address phone offline_access bread.read",
        "code_challenge_method": "S256",
        "default_timeout": PATIENCE,
    },
)


@app.get("/")
def home() -> str:
    """Show the button, or what came back."""
    return render_template("home.html", signed_in=signed_in(), issuer=ISSUER)


@app.get("/login")
def login() -> Response:
    """Step 1: send the user to Signet. Authlib keeps state, nonce and the PKCE verifier."""
    return oauth.signet.authorize_redirect(url_for("callback", _external=True))


@app.get("/login/initiate")
def login_initiated() -> Response | tuple[str, int]:
    """Step 1, begun at Signet: the user opens Bakery from their list of apps. OIDC Core §4.

    Only Signet's name is taken from the address, and only to see that it is ours; any website can
    lead a browser here, so nothing else happens than at the button.
    """
    if request.args.get("iss") != oauth.signet.load_server_metadata()["issuer"]:
        return render_template(
            "error.html", code="wrong_issuer", description="Bakery does not know this provider."
        ), 400
    hint = request.args.get("login_hint")
    return oauth.signet.authorize_redirect(
        url_for("callback", _external=True), **({"login_hint": hint} if hint else {})
    )


@app.get("/callback")
def callback() -> Response:
    """Steps 2 to 4: exchange the code, let Authlib check the ID token, and ask who this is."""
    token = oauth.signet.authorize_access_token()
    # A new name at each sign-in, so that no attacker knows it beforehand.
    session["sign_in"] = secrets.token_urlsafe(32)
    user = {
        "id_token": token["id_token"],
        "header": _decoded(token["id_token"].split(".")[0]),
        "claims": dict(token["userinfo"]),  # Authlib's name for the ID token's claims
        "access_token": token["access_token"],
        "refresh_token": token.get("refresh_token"),
        "expires_in": token["expires_in"],
        "scope": token["scope"],
    }
    _ask_userinfo(user)
    sign_ins.set(session["sign_in"], user)
    return redirect(url_for("home"))


@app.post("/userinfo")
def userinfo() -> Response:
    """Step 4 once more, as often as the user likes."""
    user = signed_in()
    if user is None:
        return redirect(url_for("home"))
    _ask_userinfo(user)
    return redirect(url_for("home", _anchor="userinfo"))


def _ask_userinfo(user: dict[str, Any]) -> None:
    """Ask Signet who this is, with the access token."""
    answer = oauth.signet.get(
        oauth.signet.load_server_metadata()["userinfo_endpoint"],
        token={"access_token": user["access_token"], "token_type": "Bearer"},
    )
    user["userinfo"], user["userinfo_error"] = None, None
    if not answer.ok:  # the token has expired, or was revoked: RFC 6750 §3 says where to read why
        user["userinfo_error"] = answer.headers.get("WWW-Authenticate", answer.reason)
    elif answer.json()["sub"] != user["claims"]["sub"]:
        # OIDC Core §5.3.2: claims about another user must not be used.
        user["userinfo_error"] = "UserInfo and the ID token are about different users."
    else:
        user["userinfo"] = answer.json()


@app.post("/call-api")
def call_api() -> Response:
    """Step 5: get an access token for the API alone, and show it there. RFC 8707 §2.2.

    The token of step 3 is good for UserInfo; one for the API opens nothing else.
    """
    user = signed_in()
    if user is None:
        return redirect(url_for("home"))
    user["api_answer"], user["api_error"] = None, None
    try:
        token = _refreshed(user, resource=API)["access_token"]
    except OAuthError as error:
        user["api_error"] = f"{error.error}: {error.description}"
    else:
        _ask_api(user, token)
    return redirect(url_for("home", _anchor="api"))


@app.post("/refresh")
def refresh() -> Response:
    """Step 6: new tokens for the old refresh token, without the user. RFC 6749 §6."""
    user = signed_in()
    if user is None:
        return redirect(url_for("home"))
    user["refreshed"], user["refresh_error"] = None, None
    try:
        tokens = _refreshed(user)
        claims = oauth.signet.parse_id_token(tokens, nonce=None)
    except OAuthError as error:
        user["refresh_error"] = f"{error.error}: {error.description}"
        return redirect(url_for("home", _anchor="tokens"))
    if claims["sub"] != user["claims"]["sub"]:  # OIDC Core §12.2
        user["refresh_error"] = "The new ID token is about another user."
    else:
        user["access_token"] = tokens["access_token"]
        user["refreshed"] = {name: claims[name] for name in ("sub", "auth_time", "iat", "exp")}
    return redirect(url_for("home", _anchor="tokens"))


@app.post("/revoke")
def revoke() -> Response:
    """Step 7: give the tokens back. RFC 7009."""
    user = signed_in()
    if user is None:
        return redirect(url_for("home"))
    _revoke(user)
    user["revoked"] = True
    return redirect(url_for("home", _anchor="tokens"))


@app.post("/logout")
def logout() -> str:
    """Step 8: forget the user here; Signet's own sign-out is one button further.

    OIDC RP-Initiated Logout §2: the ID token says whose session, so Signet need not ask.
    """
    user = signed_in()
    sign_ins.delete(session.get("sign_in", ""))
    session.clear()
    end_session = None
    if user is not None:
        try:
            _revoke(user)
            end_session = oauth.signet.load_server_metadata()["end_session_endpoint"]
        except requests.RequestException as error:
            # The user is signed out all the same; the tokens will expire.
            app.logger.warning("The tokens were not revoked: %s", error)
    return render_template("signed_out.html", user=user, end_session=end_session)


@app.post("/signed-out-at-signet")
def signed_out_at_signet() -> tuple[str, int]:
    """Step 9: Signet says that a session ended, wherever: forget who is in it.

    OIDC Back-Channel Logout §2.6. No browser is here; the token alone says what happened.
    """
    try:
        claims = _logout_claims(request.form["logout_token"])
    except (KeyError, ValueError, JoseError) as error:
        app.logger.warning("A logout token was refused: %s", error)
        return "This is no logout token of Signet for Bakery.", 400
    for name, user in sign_ins.items():
        if user["claims"].get("sid") == claims["sid"]:
            sign_ins.delete(name)
    return "", 200


@app.errorhandler(OAuthError)
def not_signed_in(error: OAuthError) -> tuple[str, int]:
    """Signet said no (the user may have), or the answer is not to a question of this browser."""
    return render_template("error.html", code=error.error, description=error.description), 400


@app.errorhandler(JoseError)
def not_believed(error: JoseError) -> tuple[str, int]:
    """The ID token is not signed by Signet, not for us, not for this sign-in, or too old."""
    return render_template("error.html", code=error.error, description=error.description), 400


@app.errorhandler(requests.RequestException)
def not_reached(error: requests.RequestException) -> tuple[str, int]:
    """Signet is down, too slow, or answers with an error of its own: nothing is lost, try again."""
    app.logger.warning("The provider cannot be reached: %s", error)
    return render_template("unreachable.html", issuer=ISSUER), 503


@app.get("/privacy")
@app.get("/terms")
def words() -> str:
    """Show the page that the consent page links to."""
    return render_template("words.html")


def signed_in() -> dict[str, Any] | None:
    """Return what we know of the user at this browser, or None."""
    return sign_ins.get(session.get("sign_in", ""))


def _logout_claims(token: str) -> dict[str, Any]:
    """Return what a logout token says, once it is verified. Raises JoseError, ValueError."""
    algorithms = oauth.signet.load_server_metadata()["id_token_signing_alg_values_supported"]
    keys = KeySet.import_key_set(oauth.signet.fetch_jwk_set(force=True))
    found = jwt.decode(token, keys, algorithms=[a for a in algorithms if not a.startswith("HS")])
    jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": oauth.signet.load_server_metadata()["issuer"]},
        aud={"essential": True, "value": oauth.signet.client_id},
        iat={"essential": True},
        exp={"essential": True},
        jti={"essential": True},
        sid={"essential": True},
    ).validate(found.claims)
    if found.header.get("typ") != "logout+jwt" or "nonce" in found.claims:
        raise ValueError("an ID token is no logout token")
    if LOGOUT_EVENT not in found.claims.get("events", {}):
        raise ValueError("it says nothing of a logout")
    return dict(found.claims)


def _refreshed(user: dict[str, Any], **parameters: str) -> dict[str, Any]:
    """Use the refresh token, keep its successor, and return what else came.

    Each works once. Two tabs at a time would use one twice, and that looks like a theft: Signet
    would end them all. Raises OAuthError where Signet says no.
    """
    with refreshing:
        tokens: dict[str, Any] = oauth.signet.fetch_access_token(
            grant_type="refresh_token", refresh_token=user["refresh_token"], **parameters
        )
        user["refresh_token"] = tokens.get("refresh_token", user["refresh_token"])
    return tokens


def _ask_api(user: dict[str, Any], token: str) -> None:
    """Keep the API's answer, or why there is none: RFC 6750 §3 says where to read that."""
    try:
        bearer = {"Authorization": f"Bearer {token}"}
        answer = requests.get(f"{API}bread", headers=bearer, timeout=PATIENCE)
    except requests.RequestException:
        user["api_error"] = "The API cannot be reached."
        return
    if answer.ok:
        user["api_answer"] = answer.json()
    else:
        user["api_error"] = answer.headers.get("WWW-Authenticate", answer.reason)


def _revoke(user: dict[str, Any]) -> None:
    """Revoke the refresh token: all that came of the same sign-in ends with it."""
    oauth.signet.post(
        oauth.signet.load_server_metadata()["revocation_endpoint"],
        data={"token": user["refresh_token"] or user["access_token"]},
        auth=(oauth.signet.client_id, oauth.signet.client_secret),
        withhold_token=True,
    ).raise_for_status()


@app.template_filter("pretty")
def pretty(value: Any) -> str:
    """Return JSON for reading."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _decoded(part: str) -> dict[str, Any]:
    """Return a part of a JWT, decoded for show only: Authlib has checked the signature."""
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return decoded
