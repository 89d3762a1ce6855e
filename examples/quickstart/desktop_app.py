"""Sign users in with a desktop app or a command-line tool, in their own browser, with Authlib.

$ pip install authlib requests
$ python desktop_app.py
"""

import json
import secrets
import sys
import webbrowser
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

ISSUER = "https://id.example.com"
CLIENT_ID = "your-client-id"

state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
answer = {}


class Listener(BaseHTTPRequestHandler):
    """Takes the browser back: once, and only with the answer to our own question."""

    def do_GET(self):
        """Keep the answer and tell the user to go on in the app."""
        parts = urlsplit(self.path)
        came = dict(parse_qsl(parts.query))
        ours = (came.get("state"), came.get("iss")) == (state, ISSUER)
        if parts.path != "/callback" or not ours or answer:
            self.send_error(404)
            return
        answer.update(came)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"You can close this page and go on in the app.")

    def log_message(self, *_):
        """Write nothing down: addresses have codes in them."""


# Any free port will do: the provider knows the address without one.
with HTTPServer(("127.0.0.1", 0), Listener) as server:
    session = OAuth2Session(
        CLIENT_ID,
        token_endpoint_auth_method="none",
        scope="openid profile email",
        redirect_uri=f"http://127.0.0.1:{server.server_port}/callback",
        code_challenge_method="S256",
    )
    configuration = f"{ISSUER}/.well-known/openid-configuration"
    provider = session.get(configuration, withhold_token=True).json()
    address, _ = session.create_authorization_url(
        provider["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
    )
    print(f"Sign in with your browser. If none opens: {address}", flush=True)
    webbrowser.open(address)
    while not answer:
        server.handle_request()

if "error" in answer:  # also that the user said no
    sys.exit(json.dumps({"error": answer["error"], "description": answer.get("error_description")}))
token = session.fetch_token(provider["token_endpoint"], code=answer["code"], code_verifier=verifier)
keys = KeySet.import_key_set(session.get(provider["jwks_uri"], withhold_token=True).json())
id_token = jwt.decode(token["id_token"], keys, algorithms=["RS256"])
claims = CodeIDToken(
    id_token.claims,
    id_token.header,
    {"iss": {"essential": True, "value": ISSUER}},
    {"client_id": CLIENT_ID, "nonce": nonce, "access_token": token["access_token"]},
)
claims.validate(leeway=60)
user = session.get(provider["userinfo_endpoint"]).json()
if user["sub"] != claims["sub"]:
    sys.exit("UserInfo is about another user.")
print(json.dumps({"signed_in": {"sub": user["sub"], "email": user.get("email")}}))
# Sign the user out of the app: its tokens work no more. The browser stays signed in.
session.revoke_token(provider["revocation_endpoint"], token=token["access_token"])
