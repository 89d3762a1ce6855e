"""The account console: its sections, and which of them a page belongs to."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Section:
    """An entry of the navigation."""

    title: str | Promise
    icon: str
    #: The URL name of its first page, then those of its other pages.
    url_names: tuple[str, ...]

    @property
    def url_name(self) -> str:
        """Return the URL name that the navigation leads to."""
        return self.url_names[0]


SECTIONS = (
    Section(_("Overview"), "home", ("account_home", "account_preferences")),
    Section(_("Profile"), "person", ("account_profile", "account_profile_picture")),
    Section(
        _("Sign-in and security"),
        "key",
        (
            "mfa_index",
            "account_change_password",
            "account_email",
            "account_email_code",
            "account_authenticator_apps",
            "mfa_activate_totp",
            "account_remove_app",
            "account_passkeys",
            "mfa_add_webauthn",
            "account_remove_passkey",
            "account_rename_factor",
            "mfa_view_recovery_codes",
            "mfa_generate_recovery_codes",
            "account_trusted_browsers",
            "account_connected_accounts",
            "account_disconnect",
        ),
    ),
    Section(_("Devices"), "device", ("account_sessions",)),
    Section(_("Apps"), "apps", ("account_apps",)),
    Section(_("Activity"), "clock", ("account_activity", "account_not_me")),
    Section(_("Your data"), "download", ("account_data", "account_delete")),
)


def section_of(request: HttpRequest) -> Section | None:
    """Return the section of the page that is shown, if it has one."""
    match = request.resolver_match
    if match is None:
        return None
    return next((one for one in SECTIONS if match.url_name in one.url_names), None)
