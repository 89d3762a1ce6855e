"""Read what a client is told, as the client does: with our keys, its own, or its secret."""

import hashlib
import json
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK, JWKSet
from jwcrypto.jws import JWS

from idp.clients import secrets
from idp.models import Client
from tests import secrecy
from tests.relying_party import ISSUER, Registered, forms_of, make_client

RSA = JWK.generate(kty="RSA", size=2048, kid="rsa", use="enc")
EC = JWK.generate(kty="EC", crv="P-256", kid="ec", use="enc")
SIGNING = JWK.generate(kty="EC", crv="P-256", kid="signing", use="sig")
PUBLIC = {"keys": [key.export_public(as_dict=True) for key in (SIGNING, RSA, EC)]}
#: The member of an answer from the authorization endpoint for each part of a response type.
BROUGHT = {"code": "code", "id_token": "id_token", "token": "access_token"}
_BITS = {"A128KW": 128, "A192KW": 192, "A256KW": 256, "A128GCM": 128, "A192GCM": 192}


def encrypted_client(alg: str, enc: str, answer: str = "id_token", **metadata: Any) -> Registered:
    """Make a client whose ID token, or UserInfo, is encrypted."""
    client = make_client(**metadata)
    encrypt_to(client, alg, enc, answer)
    return client


def encrypt_to(client: Registered, alg: str, enc: str, answer: str = "id_token") -> None:
    """Have a client's ID token, or UserInfo, encrypted."""
    columns = {f"{answer}_encrypted_response_alg": alg, f"{answer}_encrypted_response_enc": enc}
    row = Client.objects.get(client_id=client.client_id)
    row.jwks = PUBLIC
    for name, value in columns.items():
        setattr(row, name, value)
    row.full_clean()
    row.save()
    if row.needs_hmac_key:
        row.secrets.all().delete()
        secrets.add(row, client.secret or "")


def shared(secret: str, alg: str = "", enc: str = "") -> JWK:
    """Return the key that a secret makes. OIDC Core §10.1, §10.2."""
    octets = secret.encode()
    if alg:
        size = 512 if (alg, enc) == ("dir", "A256CBC-HS512") else 256
        bits = _BITS.get(enc if alg == "dir" else alg, size)
        octets = getattr(hashlib, f"sha{size}")(octets).digest()[: bits // 8]
    return JWK(kty="oct", k=urlsafe_b64encode(octets).rstrip(b"=").decode())


def decrypted(client: Registered, token: str, alg: str, enc: str) -> tuple[dict[str, Any], str]:
    """Return the header and what is inside."""
    key = RSA if alg.startswith("RSA") else EC if alg.startswith("ECDH") else None
    jwe = JWE(algs=[alg, enc])
    jwe.deserialize(token, key or shared(client.secret or "", alg, enc))
    return jwe.jose_header, jwe.payload.decode()


def read_by(client: Registered, token: str, alg: str = "", enc: str = "") -> dict[str, Any]:
    """Return the claims of what was signed, and perhaps encrypted, for a client."""
    if alg:
        header, token = decrypted(client, token, alg, enc)
        assert header["cty"] == "JWT"
        assert (header["alg"], header["enc"]) == (alg, enc)
    jws = JWS()
    jws.allowed_algs = [f"{f}{b}" for f in ("RS", "PS", "ES", "HS") for b in (256, 384, 512)]
    jws.allowed_algs.append("EdDSA")
    jws.deserialize(token)
    if jws.jose_header["alg"].startswith("HS"):
        jws.verify(shared(client.secret or ""))
    else:
        keys = JWKSet.from_json(httpx.get(f"{ISSUER}/jwks", verify=False).text)
        jws.verify(keys.get_key(jws.jose_header["kid"]))
    claims: dict[str, Any] = json.loads(jws.payload)
    return claims


def brought(response: httpx.Response) -> dict[str, str]:
    """Return what an answer brings to the client, however it travels."""
    if response.is_redirect:
        parts = urlsplit(response.headers["Location"])
        members = dict(parse_qsl(parts.fragment or parts.query, keep_blank_values=True))
    else:
        assert response.status_code == 200, response.text
        (form,) = forms_of(response)
        members = dict(form.fields)
    secrecy.used.note_members(members)
    secrecy.used.note(members.get("code"))
    return members
