"""Authlib's Flask client, in this process: it signs all that it sends, and takes a form.

OIDC Core §6.1, §8.1, §9, Form Post Response Mode §2.
"""

import json
import time
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import ClientSecretJWT, PrivateKeyJWT
from flask import Flask, redirect, request
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey
from werkzeug.wrappers import Response

from tests.assertions import make_key, make_key_client, make_shared_client
from tests.reading import brought
from tests.relying_party import ISSUER, Browser, EndUser, Registered, RelyingParty, spec

AUTHORIZE = f"{ISSUER}/authorize"


def site_of(client: Registered, key: Any, proof: ClientSecretJWT) -> Flask:
    """Return a website whose requests are signed, and that answers with what it learns."""
    app = Flask(__name__)
    app.secret_key = "only for this test"
    signet = OAuth(app).register(
        "signet",
        client_id=client.client_id,
        client_secret=key,
        server_metadata_url=f"{ISSUER}/.well-known/openid-configuration",
        client_auth_methods=[proof],
        client_kwargs={
            "scope": "openid email",
            # Authlib sends a challenge with a plain code only.
            **({"code_challenge_method": "S256"} if proof.name == "private_key_jwt" else {}),
            "token_endpoint_auth_method": proof.name,
        },
    )

    @app.get("/login")
    def login() -> Response:
        begun = signet.create_authorization_url(client.redirect_uri, **request.args)
        signet.save_authorize_data(redirect_uri=client.redirect_uri, **begun)
        asked = dict(parse_qsl(urlsplit(begun["url"]).query))
        of_the_object = {"iss": client.client_id, "aud": ISSUER, "exp": int(time.time()) + 60}
        signed = jwt.encode({"alg": proof.alg}, {**asked, **of_the_object}, key)
        sent = {"client_id": client.client_id, "request": signed}
        return redirect(f"{AUTHORIZE}?{urlencode(sent)}")

    @app.route("/callback", methods=["POST"])
    def callback() -> dict[str, Any]:
        token = signet.authorize_access_token()
        userinfo = signet.get(f"{ISSUER}/userinfo", token=token).text
        return {"claims": token["userinfo"], "userinfo": userinfo, "token": token["access_token"]}

    return app


@spec("OIDC Core", "9")
@spec("RFC 9101", "5")
@pytest.mark.parametrize(
    ("method", "response_type"),
    [("private_key_jwt", "code"), ("client_secret_jwt", "code id_token")],
)
def test_signing_in(browser: Browser, user: EndUser, method: str, response_type: str) -> None:
    members = {
        "grant_types": ["authorization_code", "implicit"],
        "response_types": ["code", "code id_token"],
        "subject_type": "pairwise",
        "userinfo_signed_response_alg": "ES256",
    }
    if method == "private_key_jwt":
        made = make_key()
        proof, key = PrivateKeyJWT(alg="ES256"), ECKey.import_key(made.export(as_dict=True))
        client = make_key_client(made, request_object_signing_alg="ES256", **members)
    else:
        client = make_shared_client(request_object_signing_alg="HS256", **members)
        proof, key = ClientSecretJWT(), OctKey.import_key(client.secret or "")
    RelyingParty(client, browser, user).authorize(scope="openid email")

    site = site_of(client, key, proof).test_client()
    asked = site.get(
        "/login", query_string={"response_type": response_type, "response_mode": "form_post"}
    )
    posted = brought(browser.open(asked.headers["Location"]))
    assert ("id_token" in posted) == ("id_token" in response_type)
    learnt = json.loads(site.post("/callback", data=posted).text)
    keys = KeySet.import_key_set(httpx.get(f"{ISSUER}/jwks", verify=False).json())
    userinfo = jwt.decode(learnt["userinfo"], keys, algorithms=["ES256"]).claims
    assert userinfo["sub"] == learnt["claims"]["sub"] != user.sub
    assert userinfo["email"] == user.email

    methods = dict.fromkeys(
        ("token_endpoint_auth_method", "revocation_endpoint_auth_method"), method
    )
    with OAuth2Session(client.client_id, key, **methods) as session:
        session.register_client_auth_method(proof)
        for active in (True, False):
            known = session.introspect_token(f"{ISSUER}/introspect", token=learnt["token"]).json()
            assert known["active"] is active
            session.revoke_token(f"{ISSUER}/revoke", token=learnt["token"])
