"""The addresses of owners' pages, below /developers/apps/."""

from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from idp.own_apps import addresses, secret_pages, test_sign_in
from idp.own_apps.access import for_owner

_get_or_post = require_http_methods(["GET", "HEAD", "POST"])

urlpatterns = [
    path("<int:pk>/addresses/", _get_or_post(for_owner(addresses.view)), name="own_app_addresses"),
    path("<int:pk>/secrets/", _get_or_post(for_owner(secret_pages.view)), name="own_app_secrets"),
    path(
        "<int:pk>/test-sign-in/",
        _get_or_post(for_owner(test_sign_in.begin_view, recent=False)),
        name="own_app_test_sign_in",
    ),
    path(
        "<int:pk>/test-sign-in/answer/",
        # Tokens come in a form that our page posts, which has no CSRF token. Its `state` binds it.
        csrf_exempt(require_http_methods(["GET", "POST"])(test_sign_in.answer_view)),
        name="own_app_test_sign_in_answer",
    ),
]
