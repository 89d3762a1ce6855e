"""Authentication middleware: `request.user` from the `Session` rows."""

from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware as DjangoAuthentication
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.sessions import session_of


class AuthenticationMiddleware(DjangoAuthentication):
    """Django's middleware, but `accounts.Session` decides: one statement reads session and user."""

    def process_request(self, request: HttpRequest) -> None:
        """Set `request.user`, looked up lazily."""

        def user() -> Any:
            session = session_of(request)
            return AnonymousUser() if session is None else session.user

        request.user = SimpleLazyObject(user)  # type: ignore[assignment]
