"""A token that is exchanged again and again while its user signs out: nothing is left over."""

from accounts.models import Session
from accounts.sessions import Ending, end_sessions
from tests.conftest import Server
from tests.exchanging import Shop, exchange
from tests.races.test_accounts import at_once
from tests.relying_party import Browser, EndUser, RelyingParty, spec


@spec("RFC 8693", "2.2.2")
def test_no_exchanged_token_outlives_a_sign_out(
    provider: Server, browser: Browser, user: EndUser
) -> None:
    """Whichever exchange the sign-out overtakes: no token of any of them is good afterwards."""
    shop = Shop()
    app = RelyingParty(shop.client, browser, user)
    scope, resource = f"openid {shop.order}", shop.orders["identifier"]
    token = app.tokens(scope=scope, resource=resource)["access_token"]
    sessions = list(Session.objects.filter(user__sub=user.sub))

    def do(number: int) -> object:
        if number == 0:
            return end_sessions(sessions, Ending.SIGNED_OUT)
        return exchange(shop.backend, token, **shop.at_stock)

    answers = [answer for answer in at_once(do) if hasattr(answer, "status_code")]
    assert {answer.status_code for answer in answers} <= {200, 400}
    for answer in answers:
        if answer.status_code == 200:
            given = answer.json()["access_token"]
            assert shop.backend.introspect(given) == {"active": False}
    assert exchange(shop.backend, token, **shop.at_stock).status_code == 400
