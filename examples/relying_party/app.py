"""A small website that signs people in with Signet, each step in the open. OIDC Core §3.1.

Authlib does the protocol; everything a website has to add is on this page. `make run` starts it.
Configuration comes from the environment: OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET.
"""

import base64
import json
import os
import secrets
from typing import Any

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, render_template, session, url_for
from joserfc.errors import JoseError
from werkzeug.wrappers import Response

ISSUER = os.environ.get("OIDC_ISSUER", "http://localhost:8000")
PATIENCE = 10  # seconds that a person waits for the provider


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

    def delete(self, key: str) -> None:
        """Forget what is kept under this key."""
        self._kept.pop(key, None)


app = Flask(__name__)
app.secret_key = secrets.token_hex(32)  # signs the cookie; a restart forgets everybody
app.config["SESSION_COOKIE_NAME"] = "bakery"
# Lax: the cookie comes along when Signet sends the person back, but not with another site's forms.
app.config["SESSION_COOKIE_SAMESITE"] = "Lax"

sign_ins = Memory()

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
        "scope": "openid profile email address phone",
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
    """Step 1: send the person to Signet. Authlib keeps state, nonce and the PKCE verifier."""
    return oauth.signet.authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback() -> Response:
    """Steps 2 and 3: take the code, exchange it, and let Authlib check the ID token."""
    token = oauth.signet.authorize_access_token()
    # A new name at each sign-in: nobody can know it beforehand.
    session["sign_in"] = secrets.token_urlsafe(32)
    sign_ins.set(
        session["sign_in"],
        {
            "id_token": token["id_token"],
            "header": _decoded(token["id_token"].split(".")[0]),
            "claims": dict(token["userinfo"]),  # Authlib's name for the ID token's claims
            "access_token": token["access_token"],
            "expires_in": token["expires_in"],
            "scope": token["scope"],
        },
    )
    return redirect(url_for("home"))


@app.post("/userinfo")
def userinfo() -> Response:
    """Step 4: ask Signet who this is, with the access token."""
    person = signed_in()
    if person is None:
        return redirect(url_for("home"))
    answer = oauth.signet.get(
        oauth.signet.load_server_metadata()["userinfo_endpoint"],
        token={"access_token": person["access_token"], "token_type": "Bearer"},
    )
    person["userinfo"], person["userinfo_error"] = None, None
    if not answer.ok:  # the token has expired, or was revoked: RFC 6750 §3 says where to read why
        person["userinfo_error"] = answer.headers.get("WWW-Authenticate", answer.reason)
    elif answer.json()["sub"] != person["claims"]["sub"]:
        # OIDC Core §5.3.2: claims about somebody else must not be used.
        person["userinfo_error"] = "UserInfo and the ID token are about different people."
    else:
        person["userinfo"] = answer.json()
    return redirect(url_for("home", _anchor="userinfo"))


@app.post("/logout")
def logout() -> str:
    """Step 5: forget the person here; Signet's own sign-out is one link further."""
    sign_ins.delete(session.get("sign_in", ""))
    session.clear()
    return render_template("signed_out.html", issuer=ISSUER)


@app.errorhandler(OAuthError)
def not_signed_in(error: OAuthError) -> tuple[str, int]:
    """Signet said no (the person may have), or the answer is not to a question of this browser."""
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
    """Return what we know of the person at this browser, or None."""
    return sign_ins.get(session.get("sign_in", ""))


@app.template_filter("pretty")
def pretty(value: Any) -> str:
    """Return JSON for reading."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _decoded(part: str) -> dict[str, Any]:
    """Return a part of a JWT, decoded for show only: Authlib has checked the signature."""
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return decoded
