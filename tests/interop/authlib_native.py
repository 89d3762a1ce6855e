"""A command-line program that signs its user in through the browser. RFC 8252 §7.3.

It listens on a loopback port that the operating system chose, prints the address to open, takes
the answer, and prints what it learnt as JSON. Started by test_authlib_native.py.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

issuer, client_id, algorithm = sys.argv[1:]


class Listener(BaseHTTPRequestHandler):
    answer = ""

    def do_GET(self) -> None:
        type(self).answer = self.path
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"Back to the program.")

    def log_message(self, *_: object) -> None:
        pass


with HTTPServer(("127.0.0.1", 0), Listener) as server:
    loopback = f"http://127.0.0.1:{server.server_port}"
    session = OAuth2Session(
        client_id,
        token_endpoint_auth_method="none",
        scope="openid email",
        redirect_uri=f"{loopback}/callback",
        code_challenge_method="S256",
    )
    provider = session.get(f"{issuer}/.well-known/openid-configuration", withhold_token=True).json()
    nonce, verifier = generate_token(20), generate_token(48)
    address, state = session.create_authorization_url(
        provider["authorization_endpoint"], nonce=nonce, code_verifier=verifier
    )
    print(address, flush=True)
    server.handle_request()

token = session.fetch_token(
    provider["token_endpoint"],
    authorization_response=loopback + Listener.answer,
    state=state,
    code_verifier=verifier,
)
keys = KeySet.import_key_set(session.get(provider["jwks_uri"], withhold_token=True).json())
id_token = jwt.decode(token["id_token"], keys, algorithms=[algorithm])
claims = CodeIDToken(
    id_token.claims,
    id_token.header,
    {"iss": {"essential": True, "value": issuer}},
    {"client_id": client_id, "nonce": nonce, "access_token": token["access_token"]},
)
claims.validate()
userinfo = session.get(provider["userinfo_endpoint"]).json()
print(json.dumps({"header": id_token.header, "claims": dict(claims), "userinfo": userinfo}))
