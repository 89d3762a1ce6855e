"""The admin site: who may enter, how they sign in, and its first page.

Operators sign in at the hosted sign-in page, with its rate limits and second factor.
"""

from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.next import is_ours
from foundation import branding
from idp import policy
from idp.staff_groups import may_administer

_OWN_ACTIONS_SHOWN = 5
_UNUSED = {"autocomplete", "view_on_site"}


class Site(AdminSite):
    """Django's admin site, entered through the hosted sign-in."""

    index_title = _("Home")
    site_url = f"{policy.ISSUER_PATH}/account/"
    enable_nav_sidebar = False
    empty_value_display = "–"

    def get_urls(self) -> list[Any]:
        """Add pages without a model; remove unused ones of Django's."""
        from idp.admin import configuration, find

        pages = [url for url in super().get_urls() if getattr(url, "name", "") not in _UNUSED]
        return [*configuration.urls(self), *find.urls(self), *pages]

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether a user may enter: staff, signed in with a second factor if it is required."""
        from accounts.authentication import has_second_factor

        return may_administer(request.user, second_factor=has_second_factor(request))

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # noqa: ARG002
        """Redirect to the sign-in page or its second factor. Raises PermissionDenied."""
        from accounts import second_factor
        from accounts.levels import MULTI_FACTOR

        target = request.GET.get(REDIRECT_FIELD_NAME, "")
        if not is_ours(target):
            target = reverse("admin:index")
        if self.has_permission(request):
            return redirect(target)
        query = {REDIRECT_FIELD_NAME: target}
        if not request.user.is_authenticated:
            return redirect(f"{reverse('account_login')}?{urlencode(query)}")
        if not request.user.is_staff:
            raise PermissionDenied
        if second_factor.is_set_up(request.user):
            return redirect(second_factor.step_up_address(MULTI_FACTOR, target))
        return redirect(f"{reverse('mfa_index')}?{urlencode(query)}")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:  # noqa: ARG002
        """Redirect to the hosted sign-out page."""
        return redirect("account_logout")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:  # noqa: ARG002
        """Redirect to the hosted page for a new password."""
        return redirect("account_reset_password")

    def password_change_done(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Lead there, too."""
        return self.password_change(request, extra_context)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add the brand's name, and the navigation of every page."""
        from idp.admin.navigation import navigation

        context = super().each_context(request)
        name = branding.current().name
        context |= {"site_header": name, "site_title": name}
        entries = navigation(self, request) if context["has_permission"] else []
        return {**context, "navigation": entries}

    def index(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show how the provider fares, and this operator's last admin actions."""
        from idp.admin import home

        own_actions = request.user.events_as_actor.order_by("-id")[:_OWN_ACTIONS_SHOWN]  # type: ignore[union-attr]
        context = {**home.context_of(request), "own_actions": own_actions}
        return super().index(request, {**context, **(extra_context or {})})
