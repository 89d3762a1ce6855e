"""Puts our site in the place of Django's default one; nothing registers itself there unasked."""

from django.contrib.admin.apps import SimpleAdminConfig


class AdminConfig(SimpleAdminConfig):
    """No autodiscovery: the toolkit's and allauth's own admin pages are never loaded."""

    default_site = "idp.admin.site.Site"
