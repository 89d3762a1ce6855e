"""The site."""

from django.contrib.admin import AdminSite


class Site(AdminSite):
    """Django's admin."""
