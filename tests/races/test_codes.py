"""Twenty at once: real threads, a real server, a real database."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tests.relying_party import RelyingParty, spec

AT_ONCE = 20


@spec("RFC 6749", "4.1.2")
def test_of_many_redemptions_at_once_exactly_one_succeeds(relying_party: RelyingParty) -> None:
    code = relying_party.authorize().code
    together = Barrier(AT_ONCE)

    def redeem(_: int):
        together.wait()
        return relying_party.exchange(code)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        responses = list(threads.map(redeem, range(AT_ONCE)))
    statuses = sorted(response.status_code for response in responses)
    assert statuses == [200] + [400] * (AT_ONCE - 1)
    won = next(response for response in responses if response.status_code == 200)
    lost = [response.json()["error"] for response in responses if response is not won]
    assert set(lost) == {"invalid_grant"}
    # The others were replays: what the first gave is revoked.
    assert relying_party.userinfo(won.json()["access_token"]).status_code == 401


def test_sign_ins_of_many_users_at_once_do_not_mix(provider) -> None:
    from tests.relying_party import Browser, make_client, make_user, verified

    client = make_client()
    users = [make_user() for _ in range(8)]

    def sign_in(user) -> bool:
        with Browser() as browser:
            tokens = RelyingParty(client, browser, user).tokens(scope="openid email")
            userinfo = RelyingParty(client, browser, user).userinfo(tokens["access_token"])
            claims = verified(tokens["id_token"])
            return claims["sub"] == user.sub and userinfo.json()["email"] == user.email

    with ThreadPoolExecutor(len(users)) as threads:
        assert all(threads.map(sign_in, users))


def test_one_session_answered_to_one_client_twice_at_once(relying_party: RelyingParty) -> None:
    """Two tabs come back at the same moment: both get a code, the session is one for the client."""
    from tests.relying_party import make_client, verified

    other = RelyingParty(make_client(first_party=True), relying_party.browser, relying_party.user)
    relying_party.browser.sign_in(relying_party.user)
    cookies = dict(relying_party.browser.cookies)
    together = Barrier(8)

    def authorize(_: int):
        import httpx

        from tests.relying_party import ISSUER

        together.wait()
        return httpx.get(f"{ISSUER}/authorize", params=other.parameters(), cookies=cookies)

    with ThreadPoolExecutor(8) as threads:
        answers = [other.answer(response) for response in threads.map(authorize, range(8))]
    sids = {verified(other.exchange(answer.code).json()["id_token"])["sid"] for answer in answers}
    assert len(sids) == 1
