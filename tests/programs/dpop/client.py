"""A website without a browser on requests-oauth2client: as client.mjs beside this, in Python."""

import json
import os

import requests
from requests_oauth2client import OAuth2Client

issuer = os.environ["OIDC_ISSUER"]
known = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=30).json()
client = OAuth2Client(
    token_endpoint=known["token_endpoint"],
    authorization_endpoint=known["authorization_endpoint"],
    pushed_authorization_request_endpoint=known["pushed_authorization_request_endpoint"],
    userinfo_endpoint=known["userinfo_endpoint"],
    jwks_uri=known["jwks_uri"],
    issuer=issuer,
    client_id=os.environ["OIDC_CLIENT_ID"],
    client_secret=os.environ["OIDC_CLIENT_SECRET"],
    redirect_uri=os.environ["OIDC_REDIRECT_URI"],
    id_token_signed_response_alg="RS256",
    dpop_bound_access_tokens=True,
    testing=True,  # http, on this machine
)
request = client.authorization_request(scope="openid email", dpop=True)
print(client.pushed_authorization_request(request).uri, flush=True)
answer = request.validate_callback(input())
token = client.authorization_code(answer, validate=False)
shown = requests.get(known["userinfo_endpoint"], auth=token, timeout=30)
print(json.dumps({"token_type": token.token_type, **shown.json()}))
