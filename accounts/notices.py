"""Messages between pages, in a cookie with a name of our own: cookies ignore ports."""

from django.conf import settings
from django.contrib.messages.storage.base import Message
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage
from django.http import HttpResponseBase


class _OwnCookie(CookieStorage):
    cookie_name = settings.MESSAGES_COOKIE_NAME


class Storage(FallbackStorage):
    """Django's fallback storage, a cookie or else the session, with that cookie."""

    storage_classes = (_OwnCookie, SessionStorage)

    def update(self, response: HttpResponseBase) -> list[Message] | None:
        """Store or delete the cookie, at the path of our other cookies."""
        left = super().update(response)
        if settings.MESSAGES_COOKIE_NAME in response.cookies:
            response.cookies[settings.MESSAGES_COOKIE_NAME]["path"] = settings.SESSION_COOKIE_PATH
        return left
