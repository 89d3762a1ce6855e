"""Admin actions on an app, each with a confirmation page and an event."""

from operator import attrgetter

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from idp.admin.page import AdminAction, counted
from idp.logout import backchannel, client_sessions
from idp.models import Client
from idp.tokens.revocation import revoke_all


def _send_test_logout(client: Client) -> HttpResponse:
    return redirect("admin:idp_delivery_change", backchannel.plan_test(client).pk)


def _set_enabled(client: Client, *, enabled: bool) -> None:
    client.enabled = enabled
    client.save()


def _sign_out(client: Client) -> None:
    client_sessions.end_all_of(client, timezone.now())


def _revoke_all(client: Client) -> None:
    revoke_all(client, timezone.now())
    _sign_out(client)


def _signed_in(client: Client) -> str:
    """Return how many sessions the app takes part in, and whether it can be notified."""
    number = counted(client_sessions.live_of(client))
    if client.enabled and client.backchannel_logout_uri:
        said = gettext("It takes part in sessions: %(number)s.")
    else:
        said = gettext(
            "It takes part in sessions: %(number)s. "
            "It registered no address for logout notifications."
        )
    return said % {"number": number}


ACTIONS = (
    AdminAction(
        "disable",
        _("Disable"),
        _("Everything of this app stops at once: sign-ins, tokens, refreshes."),
        lambda _request, client: _set_enabled(client, enabled=False),
        applies=lambda client: client.enabled,
        recent=True,
    ),
    AdminAction(
        "enable",
        _("Enable"),
        _("The app works again, and so do its tokens that have not expired."),
        lambda _request, client: _set_enabled(client, enabled=True),
        applies=lambda client: not client.enabled,
    ),
    AdminAction(
        "test-logout",
        _("Test its sign-out"),
        _(
            "The app is notified, as at a sign-out, of the end of a session that never existed. "
            "The next page shows whether it answered."
        ),
        lambda _request, client: _send_test_logout(client),
        applies=lambda client: bool(client.enabled and client.backchannel_logout_uri),
    ),
    AdminAction(
        "sign-out",
        _("Sign all users out"),
        _(
            "What this app got through users’ sign-ins ends at once, and it is notified, so that "
            "it signs them out, too. Users stay signed in here; access that they let it keep "
            "when they are signed out goes on."
        ),
        lambda _request, client: _sign_out(client),
        applies=attrgetter("signs_users_in"),
        danger=True,
        extent=_signed_in,
    ),
    AdminAction(
        "revoke",
        _("Revoke everything"),
        _(
            "Every token that this app was given ends at once, for all users, and it is notified. "
            "Users stay signed in here and need not agree again; the app has to send them "
            "through anew. APIs that only check signatures learn of it when their tokens "
            "expire."
        ),
        lambda _request, client: _revoke_all(client),
        danger=True,
        extent=_signed_in,
    ),
)
