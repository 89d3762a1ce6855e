"""Replace Django's default admin site with ours; no model is registered automatically."""

from django.contrib.admin.apps import SimpleAdminConfig


class AdminConfig(SimpleAdminConfig):
    """No autodiscovery: the toolkit's and allauth's own admin pages are never loaded."""

    default_site = "idp.admin.site.Site"
