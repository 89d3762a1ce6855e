"""A kept authorization request that is answered by several requests at once. OIDC Core §3.1.2."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import pytest

from idp.models import AuthorizationCode, Grant
from tests.relying_party import Browser, EndUser, RelyingParty, make_client, spec
from tests.wire.test_interactions import interaction_at

AT_ONCE = 12


def together(browser: Browser, addresses: list[str]) -> list[httpx.Response]:
    """Open addresses at the same moment with the same cookies."""
    barrier = Barrier(len(addresses))
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies.jar)

    def one(address: str) -> httpx.Response:
        barrier.wait()
        return httpx.get(
            f"{browser.base_url}".rstrip("/") + address, headers={"Cookie": cookies}, timeout=30
        )

    with ThreadPoolExecutor(len(addresses)) as threads:
        return list(threads.map(one, addresses))


@spec("OIDC Core", "3.1.2.5")
@pytest.mark.parametrize("prompt", ["login", None])
@pytest.mark.parametrize("response_type", ["code", "code id_token"])
def test_a_kept_request_gives_one_code(
    browser: Browser, user: EndUser, prompt: str | None, response_type: str
) -> None:
    grant_types = ["authorization_code", *(["implicit"] if " " in response_type else [])]
    client = make_client(grant_types=grant_types, response_types=[response_type], first_party=True)
    relying_party = RelyingParty(client, browser, user)
    login = relying_party.visit(prompt=prompt, response_type=response_type)
    browser.sign_in(user)  # in another tab, so that the request itself still waits
    answers = together(browser, [interaction_at(login)] * AT_ONCE)
    assert {answer.status_code for answer in answers} <= {200, 303}
    given = [answer for answer in answers if "code=" in answer.text]
    assert len(given) == 1
    assert Grant.objects.filter(client__client_id=client.client_id).count() == 1
    assert AuthorizationCode.objects.filter(application__client_id=client.client_id).count() == 1
