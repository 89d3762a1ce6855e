"""allauth's adapter for second factors."""

from urllib.parse import urlsplit

from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts import app_secrets
from foundation import branding


class FactorAdapter(DefaultMFAAdapter):
    """Our overrides of allauth's default MFA adapter."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _(
            "That code is not right, or was used already. Type the one that your app shows at this"
            " moment; the clock of your device has to be right."
        ),
        "incorrect_recovery_code": _("That code is not right, or was used already."),
        "too_many_codes": _(
            "Too many wrong codes. Wait ten minutes, then try again; or use a passkey, or a browser"
            " at which you have signed in before."
        ),
        "too_many_codes_in_a_row": _(
            "Too many wrong codes in a row: none is taken here any more. Use a passkey, a recovery"
            " code, or a browser at which you have signed in before."
        ),
        "unreadable": _(
            "We cannot check codes for this account any more. The people who run this service can"
            " remove the authenticator app from it."
        ),
        "passkey_refused": _("That passkey was not accepted. Try again, or another way."),
        "passkey_unknown": _(
            "That passkey was not accepted: no account here has it any more. Try another way."
        ),
        "too_many_apps": _("There are too many authenticator apps already. Remove one first."),
        "too_many_passkeys": _("There are too many passkeys already. Remove one first."),
        "unverified_email": _("Prove your email address before you set this up."),
    }

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return the relying party of passkeys: the issuer's host, and the brand's name for it."""
        issuer = urlsplit(settings.IDP_ISSUER)
        return {"id": issuer.hostname or "", "name": branding.current().label or issuer.netloc}

    def get_totp_issuer(self) -> str:
        """Return the issuer name that authenticator apps show beside the code."""
        return branding.current().label or settings.IDP_ORIGIN.partition("://")[2]

    def build_totp_svg(self, url: str) -> str:
        """Return the QR code as inline SVG, without declaration and styles."""
        svg: str = super().build_totp_svg(url)
        return svg.partition("?>")[2]

    def encrypt(self, text: str) -> str:
        """Encrypt a secret with the newest of the server's keys."""
        return app_secrets.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Decrypt a secret. Raises InvalidToken if none of the server's keys fits."""
        return app_secrets.unseal(encrypted_text)
