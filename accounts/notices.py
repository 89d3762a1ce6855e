"""Messages between pages, in a cookie with a name of our own: cookies ignore ports."""

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage


class _OwnCookie(CookieStorage):
    cookie_name = settings.MESSAGES_COOKIE_NAME


class Storage(FallbackStorage):
    """Django's fallback storage, a cookie or else the session, with that cookie."""

    storage_classes = (_OwnCookie, SessionStorage)
