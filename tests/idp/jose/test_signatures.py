from base64 import urlsafe_b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS
from jwcrypto.jwt import JWT

from idp.jose.signatures import ALGORITHMS, Signer, base64url
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


def key_of(signer: Signer) -> dict:
    """Return the JWK that a signature is verified with."""
    if signer.algorithm.kty == "oct":
        return octet_keys([signer.key])[0]
    return JWK.from_pyca(signer.key.public_key()).export_public(as_dict=True)


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS)
def test_we_verify_what_a_library_of_others_signs_and_no_other_signature(algorithm) -> None:
    signer = Signer(None, algorithm, algorithm.generate())
    key, other = key_of(signer), key_of(Signer(None, algorithm, algorithm.generate()))
    is_shared = algorithm.kty == "oct"
    theirs = JWS('{"sub":"a"}')
    private = JWK(**key) if is_shared else JWK.from_pyca(signer.key)
    theirs.add_signature(private, protected=f'{{"alg":"{algorithm.name}"}}')
    token = theirs.serialize(compact=True)
    names = frozenset(ALGORITHMS)
    assert verified_by(token, [other, key], names) == {"sub": "a"}
    assert verified_by(token, [other], names) is None
    message, _, signature = token.rpartition(".")
    octets = urlsafe_b64decode(signature + "==")
    size = len(octets)
    wrong = [b"\0", bytes(size), b"\xff" * size, octets[:-1], octets + b"\0", b"\0" + octets]
    if algorithm.kty == "EC":
        half = size // 2
        numbers = (int.from_bytes(n, "big") for n in (octets[:half], octets[half:]))
        wrong += [encode_dss_signature(*numbers), octets[half:] + octets[:half]]
    for each in wrong:
        assert verified_by(f"{message}.{base64url(each)}", [key], names) is None, each
    assert verified_by(f"{message}.{signature}A", [key], names) is None
    changed = f"{message.partition('.')[0]}.{base64url(b'{}')}.{signature}"
    assert verified_by(changed, [key], names) is None
    for name, same_kind in ALGORITHMS.items():
        if same_kind.kty == algorithm.kty and name != algorithm.name:
            header = base64url(f'{{"alg":"{name}"}}'.encode())
            confused = f"{header}.{message.partition('.')[2]}.{signature}"
            assert verified_by(confused, [key], names) is None, name


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "oct", "k": PUBLIC["x"]},
        {"kty": "OKP"},
        {"crv": "P-384"},
        {"crv": "Ed25519"},
        {"alg": "ES384"},
        {"use": "enc"},
        {"key_ops": ["sign"]},
        {"key_ops": 1},
        {"y": PUBLIC["x"]},  # on no curve
        {"y": None},
        {"x": "*"},
        {"x": 1},
        {"x": ["a"]},
        {"kid": "theirs"},
    ],
)
def test_an_unfit_key_verifies_nothing(change: dict) -> None:
    token = SIGNER.sign({"sub": "a"})
    assert verified_by(token, [{**PUBLIC, **change}], ES256) is None
    assert verified_by(token, [{**PUBLIC, "key_ops": ["verify"], "use": "sig"}], ES256)
