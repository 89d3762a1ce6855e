"""Operators of each kind, at a browser of their own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from idp.admin.clients import tabs
from idp.models import Client, Event
from tests.relying_party import Browser, EndUser, make_user


@dataclass
class Operator:
    """A staff user, signed in at a browser."""

    user: EndUser
    browser: Browser

    def open(self, path: str, **query: str) -> httpx.Response:
        """Open a page of the administration, which has to be there."""
        page = self.browser.open(f"/admin/{path}", **query)
        assert page.status_code == 200, f"{page.status_code} {page.url}\n{page.text[:2000]}"
        return page

    def run_action(self, path: str, name: str) -> httpx.Response:
        """Do something to a row: its button, and the question's."""
        page = self.open(path)
        assert f'data-action="{name}"' in page.text, f"no {name} on {path}"
        question = self.open(path.removesuffix("change/") + f"action/{name}/")
        return self.browser.submit(question)

    def save(self, path: str, **fields: Any) -> httpx.Response:
        """Fill in and save a form; None for a box that is not ticked."""
        return self.browser.submit(self.open(path), **fields)


@pytest.fixture
def hire(provider: object) -> Iterator[Callable[..., Operator]]:
    """Makes operators and signs them in."""
    with ExitStack() as browsers:

        def one(**claims: Any) -> Operator:
            user = make_user(is_staff=True, **claims)
            operator = Operator(user, browsers.enter_context(Browser()))
            operator.browser.sign_in(user)
            return operator

        yield one


@pytest.fixture
def superuser(hire: Callable[..., Operator]) -> Operator:
    """May do everything."""
    return hire(is_superuser=True)


@pytest.fixture
def operator(hire: Callable[..., Operator]) -> Operator:
    """Manages users and apps."""
    return hire(groups=["operators"])


@pytest.fixture
def support(hire: Callable[..., Operator]) -> Operator:
    """Looks, helps users to sign in, and changes nothing else."""
    return hire(groups=["support"])


def tab_of(client_id: str, field: str) -> str:
    """Return the path of the tab of an app's page that has this field."""
    row = Client.objects.get(client_id=client_id)
    return f"idp/client/{row.pk}/change/{tabs.TAB_OF[field].slug}/"


def events_of(operator: Operator) -> list[Event]:
    """Return what an operator did, oldest first."""
    return list(Event.objects.filter(actor__email=operator.user.email).order_by("id"))
