"""Well-known addresses at which browsers and password managers look for the account's pages."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe


@require_safe
def change_password(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Redirect to the page for changing the password. W3C, Well-Known URL for Passwords §3."""
    return redirect("account_change_password")


@require_safe
def passkey_endpoints(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Return the pages for adding and managing passkeys. Passkey Endpoints Well-Known URL §2."""
    pages = {"enroll": "mfa_add_webauthn", "manage": "account_passkeys"}
    return JsonResponse(
        {member: f"{settings.IDP_ORIGIN}{reverse(name)}" for member, name in pages.items()}
    )
