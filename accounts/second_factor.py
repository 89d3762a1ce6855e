"""The second factor: codes of an authenticator app, and recovery codes. What allauth asks us."""

from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings


class Adapter(DefaultMFAAdapter):
    """Our answers; everything else is as allauth does it."""

    def get_totp_issuer(self) -> str:
        """Return what authenticator apps show beside the code."""
        return settings.IDP_ISSUER.partition("://")[2]
