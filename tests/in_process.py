"""Django's test client, with the middleware that production has at each path (idp.wsgi)."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.test import Client
from django.test.client import ClientHandler


class _Handler(ClientHandler):
    """Hands a request to the handler that the WSGI entrance chooses; there are no slots."""

    def load_middleware(self, is_async: bool = False) -> None:
        pass

    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        from idp.wsgi import HANDLERS, PAGES

        return HANDLERS.get(request.path_info, PAGES).get_response(request)


class InProcess(Client):
    """A browser or an app that asks this process, so that its statements can be seen or fail.

    Django's own client would load the middleware anew, which looks at every static file.
    """

    def __init__(self, headers: dict[str, str] | None = None, **defaults: Any) -> None:
        host = settings.IDP_ISSUER.partition("://")[2]
        super().__init__(headers={"host": host, **(headers or {})}, **defaults)
        self.handler = _Handler(enforce_csrf_checks=False)
