"""Many sign-ins at once: others are served meanwhile, and those that are too many are told so.

The server hashes slowly, works on two requests at once, and lets eight wait.
"""

import random
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import httpx
import pytest

from tests import secrecy
from tests.conftest import Server
from tests.ports import free_port
from tests.relying_party import Browser, EndUser, forms_of, make_client, make_user
from tests.wire.test_password_grant import GRANTS

WAITING = 8
#: Of Argon2 with 64 KiB: a third of a second, on a machine that has nothing else to do.
PASSES = "12000"
LOGIN = "/account/login/"


@pytest.fixture(scope="module")
def slow(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(
        f"http://localhost:{free_port()}",
        tmp_path_factory.mktemp("slow") / "log",
        "--threads",
        "2",
        IDP_WAITING=str(WAITING),
        SIGNET_TEST_ARGON2_PASSES=PASSES,
    )
    server.wait()
    yield server
    server.stop()
    assert "Traceback" not in server.log.read_text(), server.log.read_text()[-8000:]


@dataclass
class Seen:
    answer: httpx.Response
    seconds: float

    @property
    def status(self) -> int:
        return self.answer.status_code


def visits(server: Server, users: list[EndUser], language: str = "en") -> list[Seen]:
    """Let users send their passwords at the same moment; return what each of them sees."""
    prepared = []
    for user in users:
        browser = Browser()
        page = browser.get(f"{server.issuer}{LOGIN}")
        form = next(form for form in forms_of(page) if "password" in form.fields)
        prepared.append((browser, {**form.fields, "login": user.email, "password": user.password}))

    def send(browser: Browser, fields: dict[str, str]) -> Seen:
        headers = {
            "Origin": server.issuer,
            "Referer": f"{server.issuer}{LOGIN}",
            "Accept-Language": language,
        }
        seen = seen_of(
            lambda: browser.post(f"{server.issuer}{LOGIN}", data=fields, headers=headers)
        )
        browser.close()
        return seen

    with ThreadPoolExecutor(len(prepared)) as all_at_once:
        return list(all_at_once.map(lambda one: send(*one), prepared))


def grants(server: Server, users: list[EndUser]) -> list[Seen]:
    """Let an app send users' passwords at the same moment; return what it sees of each."""
    client = make_client(**GRANTS)

    def send(user: EndUser) -> Seen:
        secrecy.used.note(user.password)
        return seen_of(
            lambda: httpx.post(
                f"{server.issuer}/token",
                data={
                    "grant_type": "password",
                    "username": user.email,
                    "password": user.password,
                    "scope": "openid",
                },
                auth=(client.client_id, client.secret or ""),
                headers={"X-Forwarded-For": f"203.0.113.{random.randint(1, 250)}"},
                timeout=30,
                verify=False,
            )
        )

    with ThreadPoolExecutor(len(users)) as all_at_once:
        return list(all_at_once.map(send, users))


def seen_of(send: Callable[[], httpx.Response]) -> Seen:
    began = time.monotonic()
    return Seen(send(), time.monotonic() - began)


@pytest.fixture(scope="module")
def crowd(database: None) -> list[EndUser]:
    return [make_user() for _ in range(20)]


def test_as_many_as_may_wait_are_all_in(slow: Server, crowd: list[EndUser]) -> None:
    assert [seen.status for seen in visits(slow, crowd[:WAITING])] == [302] * WAITING


@pytest.mark.parametrize("kind", ["pages", "apps"])
def test_others_are_answered_meanwhile(slow: Server, crowd: list[EndUser], kind: str) -> None:
    several = crowd[:WAITING]
    token = grants(slow, crowd[-1:])[0].answer.json()["access_token"]
    storms = {"pages": partial(visits, slow, several), "apps": partial(grants, slow, several)}
    with ThreadPoolExecutor(1) as beside:
        storm = beside.submit(storms[kind])
        took = []
        while not storm.done():
            began = time.monotonic()
            answer = httpx.get(
                f"{slow.issuer}/userinfo",
                headers={"Authorization": f"Bearer {token}"},
                verify=False,
            )
            assert answer.status_code == 200
            took.append(time.monotonic() - began)
    slowest_sign_in = max(seen.seconds for seen in storm.result())
    waited = sum(seconds for seconds in took if seconds > slowest_sign_in / 10)
    assert waited < slowest_sign_in / 2


def test_more_than_that_are_told_to_come_again(slow: Server, crowd: list[EndUser]) -> None:
    seen = visits(slow, crowd)
    refused = [one for one in seen if one.status == 503]
    assert {one.status for one in seen} == {302, 503}
    assert len(seen) - len(refused) >= WAITING
    for one in refused:
        assert int(one.answer.headers["Retry-After"]) > 0
        assert "Many people are signing in right now" in one.answer.text
        assert "Signet" in one.answer.text
    assert all(seen.status == 302 for seen in visits(slow, crowd[:WAITING]))  # it is over


def test_the_page_that_says_so_is_as_guarded_as_others(slow: Server, crowd: list[EndUser]) -> None:
    refused = next(
        one.answer for one in visits(slow, crowd, language="de") if one.answer.status_code == 503
    )
    assert refused.headers["Content-Language"] == "de"
    assert "no-store" in refused.headers["Cache-Control"]
    assert "frame-ancestors 'none'" in refused.headers["Content-Security-Policy"]
    assert refused.headers["X-Frame-Options"] == "DENY"
    assert "Set-Cookie" not in refused.headers
    style = re.search(r'href="(/static/[^"]+\.css)"', refused.text)
    assert style
    assert httpx.get(f"{slow.issuer}{style[1]}", verify=False).status_code == 200


def test_apps_that_send_passwords_are_told_so_too(slow: Server, crowd: list[EndUser]) -> None:
    """And nothing is counted as a wrong password, of which twenty are too many."""
    for _ in range(3):
        seen = grants(slow, [crowd[0]] * len(crowd))
        refused = [one for one in seen if one.status == 503]
        assert len(seen) > len(refused) > 0
        for one in refused:
            assert one.answer.json()["error"] == "temporarily_unavailable"
            assert int(one.answer.headers["Retry-After"]) > 0
    assert [one.status for one in grants(slow, crowd[:1])] == [200]
