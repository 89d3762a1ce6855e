"""Sign users in with Flask and Authlib.

$ pip install flask authlib requests
$ OIDC_CLIENT_SECRET=… flask --app flask_app run --port 5001
"""

import os
import secrets

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, session, url_for

app = Flask(__name__)
# Signs the cookie. Without a key of your own, a restart signs all users out.
app.secret_key = os.environ.get("SECRET_KEY") or secrets.token_hex(32)

oauth = OAuth(app)
oauth.register(
    "signet",
    client_id="your-client-id",
    client_secret=os.environ["OIDC_CLIENT_SECRET"],
    server_metadata_url="https://id.example.com/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
)


@app.get("/")
def home():
    """Show who is signed in."""
    return {"signed_in": session.get("user")}


@app.get("/login")
def login():
    """Send the user to the provider."""
    return oauth.signet.authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback():
    """Take them back; Authlib compares state and nonce, and verifies the ID token."""
    token = oauth.signet.authorize_access_token()
    user = oauth.signet.userinfo(token=token)
    if user["sub"] != token["userinfo"]["sub"]:
        raise OAuthError("invalid_token", "UserInfo is about another user.")
    session.clear()
    session["user"] = {"sub": user["sub"], "email": user.get("email")}
    session["id_token"] = token["id_token"]
    return redirect(url_for("home"))


@app.get("/logout")
def logout():
    """Sign the user out here, and at the provider."""
    id_token = session.pop("id_token", None)
    session.clear()
    return oauth.signet.logout_redirect(
        url_for("home", _external=True),
        id_token_hint=id_token,
        client_id=oauth.signet.client_id,
    )


@app.errorhandler(OAuthError)
def refused(error):
    """Say what went wrong: also that the user said no."""
    return {"error": error.error, "description": error.description}, 400
