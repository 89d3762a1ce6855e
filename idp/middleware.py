"""Middleware of pages (settings.MIDDLEWARE) and of protocol endpoints (idp.wsgi)."""

import re
import secrets
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from urllib.parse import urlencode

from corsheaders.middleware import ACCESS_CONTROL_ALLOW_CREDENTIALS as ALLOWED_CREDENTIALS
from corsheaders.middleware import ACCESS_CONTROL_ALLOW_METHODS as ALLOWED_METHODS
from corsheaders.middleware import ACCESS_CONTROL_ALLOW_ORIGIN as ALLOWED_ORIGIN
from corsheaders.middleware import CorsMiddleware
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject

from accounts.next import UNREADABLE
from accounts.upstream.ways import Offer
from foundation.logs import REQUEST_ID
from idp import policy
from idp.clients.display import name_of
from idp.clients.offer import offer_of
from idp.current_interaction import carries_wish, interaction_of
from idp.endpoints import cors
from idp.logout.session_state import keep_cookie
from idp.possession.requests import complete

_SESSION_KEY = re.compile(r"[a-z0-9]{32}")
GetResponse = Callable[[HttpRequest], HttpResponse]
#: The attribute by which a view's response has its own policy (csp.decorators).
_CSP_OF_VIEW = frozenset({"_csp_config", "_csp_exempt", "_csp_replace", "_csp_update"})
_UNREADABLE = re.compile("%00|%(?![0-9A-Fa-f]{2})")


class PageSessions(SessionMiddleware):
    """Browser sessions. A cookie that can't be a session key is not looked up."""

    def process_request(self, request: HttpRequest) -> None:
        """Ignore a cookie that is not like Django's session keys; null characters above all."""
        key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        if key is not None and _SESSION_KEY.fullmatch(key) is None:
            del request.COOKIES[settings.SESSION_COOKIE_NAME]
        super().process_request(request)


class PageLocale(LocaleMiddleware):
    """Languages: the client's `ui_locales`, else the user's choice or the browser's."""

    def process_request(self, request: HttpRequest) -> None:
        """Activate the first language asked for that we have. OIDC Core §3.1.2.1."""
        super().process_request(request)
        request.wished_languages = _wished_languages(request)  # type: ignore[attr-defined]
        for tag in request.wished_languages.split():  # type: ignore[attr-defined]
            try:
                language = translation.get_supported_language_variant(tag)
            except LookupError:
                continue
            translation.activate(language)
            request.LANGUAGE_CODE = str(translation.get_language())
            return

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Set Content-Language, and store the client's ui_locales on the way to a page.

        No address of ours has a language prefix.
        """
        patch_vary_headers(response, ("Accept-Language",))
        response.headers.setdefault("Content-Language", request.LANGUAGE_CODE)
        wish, target = request.wished_languages, response.headers.get("Location", "")  # type: ignore[attr-defined]
        if wish and target.startswith("/") and not carries_wish(target):
            joint = "&" if "?" in target else "?"
            response["Location"] = f"{target}{joint}{urlencode({'ui_locales': wish})}"
        return response


def _wished_languages(request: HttpRequest) -> str:
    """Return the `ui_locales` of the page's interaction, or of its own address.

    For its own address, the language that a user has chosen takes precedence.
    """
    interactions = interaction_of(request)
    if interactions is not None:
        return str(interactions.parameters.get("ui_locales", ""))
    if settings.LANGUAGE_COOKIE_NAME in request.COOKIES:
        return ""
    if "ui_locales" not in request.META.get("QUERY_STRING", ""):
        return ""
    try:
        return request.GET.get("ui_locales", "")
    except UNREADABLE:
        return ""


class ContentSecurityPolicy(CSPMiddleware):
    """The policy of settings, built once for all pages that have no policy of their own."""

    def __init__(self, get_response: GetResponse) -> None:
        super().__init__(get_response)
        #: Of pages without additions: built once, since it takes a while.
        self._usual = build_policy()

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Add the policy."""
        if not _CSP_OF_VIEW.intersection(vars(response)):
            response.headers.setdefault("Content-Security-Policy", self._usual)
            return response
        return super().process_response(request, response)


def name_app(get_response: GetResponse) -> GetResponse:
    """Add `app_name`, the client that the user is signing in to, to account pages, and its `offer`.

    The latter is what its sign-in page has.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        request.app_name = SimpleLazyObject(partial(_app_name, request))  # type: ignore[attr-defined]
        request.offer = SimpleLazyObject(partial(_offer, request))  # type: ignore[attr-defined]
        return get_response(request)

    return middleware


def _app_name(request: HttpRequest) -> str:
    interactions = interaction_of(request)
    return name_of(interactions.client) if interactions else ""


def _offer(request: HttpRequest) -> Offer:
    interaction = interaction_of(request)
    return offer_of(interaction.client) if interaction else Offer()


def keep_browser_state(get_response: GetResponse) -> GetResponse:
    """Let the browser know, on pages, which session it has. OIDC Session Management §3.2."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        keep_cookie(request, response)
        return response

    return middleware


_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def identify_and_forbid_storing(get_response: GetResponse) -> GetResponse:
    """Give each request an id, and forbid storing its response unless that is marked as public.

    Its lines of the log, its events and its response carry the id. A trusted reverse proxy may have
    given it one, so that both logs can be read together.

    RFC 9111 §5.2.2.5: pages, also error pages, show who is signed in and carry CSRF tokens; other
    responses carry tokens and claims. The response decides, not its address: /account/x.css is a
    page, too. Outermost in every list, so that no response is without both.
    """
    from_proxy = settings.IDP_TRUSTED_PROXY_COUNT > 0

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID", "") if from_proxy else ""
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(6)
        request.request_id = request_id  # type: ignore[attr-defined]
        before = REQUEST_ID.set(request_id)
        try:
            response = get_response(request)
        finally:
            REQUEST_ID.reset(before)  # the thread answers others next
        response["X-Request-ID"] = request_id
        if "HTTP_DPOP" in request.META or response.status_code == HTTPStatus.UNAUTHORIZED:
            complete(request, response, timezone.now())
        if "public" not in response.headers.get("Cache-Control", ""):
            response.headers["Cache-Control"] = "no-store"
        return response

    return middleware


def refuse_unreadable_addresses(get_response: GetResponse) -> GetResponse:
    """Answer 400 to null characters and broken percent escapes in an address.

    No database can look for the former; at the latter, views that the toolkit's decorators protect
    would break.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if "\0" in request.path or _UNREADABLE.search(request.META.get("QUERY_STRING", "")):
            if request.path_info == policy.PATHS["authorization_endpoint"]:
                return get_response(request)  # it has an error of its own in JSON
            return HttpResponseBadRequest("The address cannot be read.")
        return get_response(request)

    return middleware


def protect_protocol_endpoints(get_response: GetResponse) -> GetResponse:
    """Do for protocol endpoints what several middlewares above, and Django's, do for pages.

    Forbids framing unless the view allows it, scripts, and guessing the content type. Texts are in
    LANGUAGE_CODE.
    django-cors-headers handles requests with an Origin. Errors are logged where they occur, so
    Django does not log the status.
    """
    with_cors = CorsMiddleware(get_response)
    headers = {
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
        "X-Content-Type-Options": "nosniff",
    }
    if settings.SECURE_HSTS_SECONDS:
        headers["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"

    def middleware(request: HttpRequest) -> HttpResponse:
        translation.deactivate()  # this thread may have answered with a page before
        if "HTTP_ORIGIN" in request.META:
            response: HttpResponse = with_cors(request)  # type: ignore[assignment]
            if ALLOWED_METHODS in response.headers:
                response.headers[ALLOWED_METHODS] = ", ".join(cors.methods_of(request.path_info))
            if ALLOWED_ORIGIN in response.headers and request.path_info in cors.WITH_CREDENTIALS:
                response.headers[ALLOWED_CREDENTIALS] = "true"
        else:
            response = get_response(request)
        sent = response.headers
        for name, value in headers.items():
            sent.setdefault(name, value)
        if not getattr(response, "xframe_options_exempt", False):
            sent["X-Frame-Options"] = settings.X_FRAME_OPTIONS
        response._has_been_logged = True  # type: ignore[attr-defined]
        return response

    return middleware
