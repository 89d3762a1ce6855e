"""Act as a client that binds its tokens to a key of its own (DPoP, RFC 9449)."""

import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import httpx
from jwcrypto.jwk import JWK

from tests.assertions import make_key, sign
from tests.relying_party import ISSUER, RelyingParty, unique


@dataclass
class Prover:
    """A key, and the proofs that its owner makes."""

    algorithm: str = "ES256"
    key: JWK = field(default_factory=make_key)

    @property
    def jkt(self) -> str:
        return self.key.thumbprint()

    def proof(
        self,
        path: str = "/token",
        method: str = "POST",
        token: str | None = None,
        *,
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Return a proof for a request; None leaves a claim or a member of the header out."""
        ath = urlsafe_b64encode(sha256((token or "").encode()).digest()).rstrip(b"=").decode()
        all_claims = {
            "jti": unique("proof"),
            "htm": method,
            "htu": f"{ISSUER}{path}",
            "iat": int(time.time()),
            "ath": ath if token is not None else None,
            **claims,
        }
        members = {"typ": "dpop+jwt", "jwk": self.key.export_public(as_dict=True), **(header or {})}
        kept = {name: value for name, value in all_claims.items() if value is not None}
        return sign(kept, self.key, self.algorithm, **{"kid": None, **members})

    def tokens(self, relying_party: RelyingParty, **parameters: Any) -> dict[str, Any]:
        """Authorize and exchange with a proof: the token response."""
        answer = relying_party.authorize(**parameters)
        response = relying_party.exchange(answer.code, headers={"DPoP": self.proof()})
        assert response.status_code == 200, response.text
        return response.json()

    def userinfo(
        self, token: str, proof: str | None = None, scheme: str = "DPoP"
    ) -> httpx.Response:
        """Ask UserInfo with a proof, as its owner does unless told otherwise."""
        proof = self.proof("/userinfo", "GET", token) if proof is None else proof
        headers = {"Authorization": f"{scheme} {token}", **({"DPoP": proof} if proof else {})}
        return httpx.get(f"{ISSUER}/userinfo", headers=headers, verify=False)
