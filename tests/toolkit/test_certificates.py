"""The toolkit's views accept tokens that are bound to a certificate with it alone. RFC 8705 §3."""

from tests.certificates import Holder
from tests.relying_party import spec
from tests.toolkit.conftest import DOORS, Api, Bakery
from tests.toolkit.test_dpop import UNSEEN

SCOPE = "openid bread.read"


@spec("RFC 8705", "3")
def test_a_bound_token_opens_doors_with_its_certificate_alone(api: Api, bakery: Bakery) -> None:
    holder, thief = Holder(), Holder()
    party = bakery(tls_client_certificate_bound_access_tokens=True)
    code = party.authorize(scope=SCOPE).code
    token = party.exchange(code, headers=holder.self_signed).json()["access_token"]
    for door in DOORS:
        opens = 403 if door in UNSEEN else 200
        assert api.call(door, token, **holder.self_signed).status_code == opens, door
        for headers in ({}, thief.self_signed, {"SslClientCert": "x"}):
            assert api.call(door, token, **headers).status_code in {401, 403}, door
