"""Two users who come with the same unknown app at once: one app, and neither is turned away."""

import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from threading import Barrier

import httpx

from idp.models import Client, Event
from tests.elsewhere import Elsewhere
from tests.introducing import introduced
from tests.registering import REDIRECT_URI
from tests.relying_party import Browser, RelyingParty, make_user


def test_two_visits_make_one_app(provider: object, foreign_site: Elsewhere) -> None:
    """One fetches while the other waits for its turn."""
    client = introduced(foreign_site)
    path = "/" + client.client_id.rpartition("/")[2]
    document, together = foreign_site.pages[path], Barrier(2)

    def take_a_moment(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.3)
        document(handler)

    foreign_site.pages[path] = take_a_moment

    def come(_: int) -> httpx.Response:
        with Browser() as browser:
            party = RelyingParty(client, browser, make_user())
            together.wait(60)
            return party.visit(redirect_uri=REDIRECT_URI)

    with ThreadPoolExecutor(2) as threads:
        pages = list(threads.map(come, range(2)))
    assert [page.url.path for page in pages] == ["/account/login/"] * 2
    assert Client.objects.filter(client_id=client.client_id).count() == 1
    came = Event.objects.filter(client_id=client.client_id, kind=Event.Kind.REGISTERED)
    assert came.count() == 1
