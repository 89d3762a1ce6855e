import pytest
from jwcrypto.jwk import JWK
from jwcrypto.jwt import JWT

from idp.jose.sign import ALGORITHMS, Signer, base64url
from idp.jose.verify import octet_keys, verified_by


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS)
def test_a_library_of_others_verifies_what_we_sign(algorithm) -> None:
    signer = Signer("kid", algorithm, algorithm.generate())
    token = signer.sign({"sub": "ü"})
    shared = algorithm.kty == "oct"
    key = JWK(**octet_keys([signer.key])[0]) if shared else JWK.from_pyca(signer.key.public_key())
    verified = JWT(jwt=token, key=key, algs=[algorithm.name])
    assert verified.claims == '{"sub":"ü"}'
    assert JWT(jwt=token, key=key).token.jose_header == {
        "alg": algorithm.name,
        "kid": "kid",
        "typ": "JWT",
    }


def test_half_hash_is_half_of_the_algorithms_hash() -> None:
    # OIDC Core §3.1.3.6; the value is OIDC Core §A.3's example.
    rs256 = ALGORITHMS["RS256"]
    signer = Signer("kid", rs256, rs256.generate())
    assert (
        signer.half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") == "77QmUPtjPfzWtF2AnpK9RQ"
    )
    eddsa = ALGORITHMS["EdDSA"]
    assert len(Signer("kid", eddsa, eddsa.generate()).half_hash("x")) == 43


KEY = ALGORITHMS["ES256"].generate()
SIGNER = Signer("ours", ALGORITHMS["ES256"], KEY)
PUBLIC = {
    **JWK.from_pyca(KEY.public_key()).export_public(as_dict=True),
    "alg": "ES256",
    "kid": "ours",
}
ES256 = frozenset({"ES256"})


def test_our_own_token_comes_back() -> None:
    assert verified_by(SIGNER.sign({"sub": "a"}), [PUBLIC], ES256) == {"sub": "a"}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "..",
        "a.b.c",
        "x" * 20_000,
        SIGNER.sign({"sub": "a"})[:-4] + "AAAA",
        Signer("theirs", ALGORITHMS["ES256"], KEY).sign({"sub": "a"}),
        Signer("ours", ALGORITHMS["ES256"], ALGORITHMS["ES256"].generate()).sign({"sub": "a"}),
        base64url(b'{"alg":"none","kid":"ours"}') + "." + base64url(b'{"sub":"a"}') + ".",
        base64url(b'{"alg":"HS256","kid":"ours"}') + "." + base64url(b'{"sub":"a"}') + ".AAAA",
        base64url(b'{"alg":"ES256","kid":["ours"]}') + "." + base64url(b'{"sub":"a"}') + ".AAAA",
        base64url(b'{"alg":"ES256","kid":"ours","crit":["x"],"x":1}') + ".e30.AAAA",
        base64url(b"[" * 5000) + ".e30.AAAA",
    ],
)
def test_any_other_does_not(token: str) -> None:
    assert verified_by(token, [PUBLIC], ES256) is None
