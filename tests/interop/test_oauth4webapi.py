"""oauth4webapi, on Node: FAPI 2.0 with message signing and DPoP, the whole way."""

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from tests.conftest import Server
from tests.interop.conftest import Traveller, running, shown
from tests.ports import free_address
from tests.reading import PUBLIC, SIGNING
from tests.relying_party import ISSUER, EndUser, make_client, spec

PROGRAM = Path(__file__).parent / "openid_client" / "fapi.mjs"


@spec("FAPI 2.0 Security Profile", "5.3.3")
@spec("FAPI 2.0 Message Signing", "5")
def test_a_bank_signs_in(
    provider: Server, traveller: Traveller, user: EndUser, tmp_path: Path
) -> None:
    address = free_address()
    client = make_client(
        profile="fapi2",
        application_type="native",  # it is at this machine's own address
        redirect_uris=[f"{address}/callback"],
        grant_types=["authorization_code", "refresh_token"],
        token_endpoint_auth_method="private_key_jwt",
        jwks=PUBLIC,
        id_token_signed_response_alg="PS256",
        introspection_signed_response_alg="PS256",
        dpop_bound_access_tokens=True,
        require_signed_request_object=True,
        require_signed_authorization_response=True,
    )
    with running(
        "the bank's app",
        ["node", str(PROGRAM)],
        address,
        tmp_path / "log",
        PORT=str(urlsplit(address).port),
        OIDC_ISSUER=ISSUER,
        OIDC_CLIENT_ID=client.client_id,
        OIDC_SIGNING_KEY=SIGNING.export(),
    ):
        asked = traveller.until(f"{address}/login", f"{ISSUER}/authorize")
        assert set(dict(parse_qsl(urlsplit(asked).query))) == {"client_id", "request_uri"}
        learnt = shown(traveller.agree(user, traveller.open(f"{address}/login")))
    assert learnt["claims"]["sub"] == learnt["userinfo"]["sub"] == user.sub
    assert learnt["types"] == ["dpop"] * 3
