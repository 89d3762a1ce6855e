"""A small website that signs people in with Signet, each step in the open. OIDC Core §3.1.

Authlib does the protocol; everything a website has to add is on this page. `make run` starts it.
Configuration comes from the environment: OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET.
"""

import base64
import json
import os
import secrets
from typing import Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, render_template, session, url_for
from werkzeug.wrappers import Response

ISSUER = os.environ.get("OIDC_ISSUER", "http://localhost:8000")

app = Flask(__name__)
app.secret_key = os.environ.get("RELYING_PARTY_SECRET_KEY") or secrets.token_hex(32)
app.config["SESSION_COOKIE_NAME"] = "bakery"
app.config["SESSION_COOKIE_SAMESITE"] = "Lax"

oauth = OAuth(app)
# Step 0: everything about the provider comes from its discovery document.
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
    },
)


@app.get("/")
def home() -> str:
    """Show the button, or what came back."""
    return render_template("home.html", signed_in=session.get("signed_in"), issuer=ISSUER)


@app.get("/login")
def login() -> Response:
    """Step 1: send the person to Signet. Authlib keeps state, nonce and the PKCE verifier."""
    return oauth.signet.authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback() -> Response | tuple[str, int]:
    """Steps 2 and 3: take the code, exchange it, and let Authlib check the ID token."""
    try:
        token = oauth.signet.authorize_access_token()
    except OAuthError as error:
        return render_template("error.html", error=error), 400
    session["signed_in"] = {
        "id_token": token["id_token"],
        "header": _decoded(token["id_token"].split(".")[0]),
        "claims": dict(token["userinfo"]),
        "access_token": token["access_token"],
        "expires_in": token["expires_in"],
        "scope": token["scope"],
    }
    return redirect(url_for("home"))


@app.post("/userinfo")
def userinfo() -> Response | tuple[str, int]:
    """Step 4: ask Signet who this is, with the access token."""
    signed_in = session.get("signed_in")
    if signed_in is None:
        return redirect(url_for("home"))
    answer = oauth.signet.get(
        oauth.signet.load_server_metadata()["userinfo_endpoint"],
        token={"access_token": signed_in["access_token"], "token_type": "Bearer"},
    )
    signed_in["userinfo"] = answer.json() if answer.ok else {"error": answer.headers["WWW-Authenticate"]}
    session["signed_in"] = signed_in
    return redirect(url_for("home") + "#userinfo")


@app.post("/logout")
def logout() -> str:
    """Step 5: forget the person here; Signet's own sign-out is one link further."""
    session.clear()
    return render_template("signed_out.html", issuer=ISSUER)


@app.get("/privacy")
@app.get("/terms")
def words() -> str:
    """Show the page that the consent page links to."""
    return render_template("words.html")


@app.template_filter("pretty")
def pretty(value: Any) -> str:
    """Return JSON for reading."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _decoded(part: str) -> dict[str, Any]:
    """Return a part of a JWT, decoded for show only: Authlib has checked the signature."""
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return decoded
