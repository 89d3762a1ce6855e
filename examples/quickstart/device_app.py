"""Sign users in where no browser opens, by a code that they type on another device, with Authlib.

$ pip install authlib requests
$ python device_app.py
"""

import json
import sys
import time

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

ISSUER = "https://id.example.com"
CLIENT_ID = "your-client-id"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"

session = OAuth2Session(CLIENT_ID, token_endpoint_auth_method="none")
configuration = f"{ISSUER}/.well-known/openid-configuration"
provider = session.get(configuration, withhold_token=True).json()
asked = session.post(
    provider["device_authorization_endpoint"],
    data={"client_id": CLIENT_ID, "scope": "openid profile email"},
    withhold_token=True,
).json()
if "error" in asked:
    sys.exit(f"{asked['error']}: {asked.get('error_description')}")
print(f"Open {asked['verification_uri']} and enter {asked['user_code']}", flush=True)
print(f"or open {asked['verification_uri_complete']} and compare the code.", flush=True)

interval, until = asked.get("interval", 5), time.monotonic() + asked["expires_in"]
token = None
while token is None and time.monotonic() < until:
    time.sleep(interval)
    try:
        token = session.fetch_token(
            provider["token_endpoint"], grant_type=GRANT_TYPE, device_code=asked["device_code"]
        )
    except OAuthError as error:
        if error.error == "slow_down":
            interval += 5
        elif error.error != "authorization_pending":  # the user said no, or the code has expired
            sys.exit(f"{error.error}: {error.description}")
if token is None:
    sys.exit("The code has expired.")
user = session.get(provider["userinfo_endpoint"]).json()
print(json.dumps({"signed_in": {"sub": user["sub"], "email": user.get("email")}}))
# Sign the device out: its tokens work no more.
session.revoke_token(provider["revocation_endpoint"], token=token["access_token"])
