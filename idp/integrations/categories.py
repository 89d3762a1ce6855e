"""The categories of the catalogue, in the order of its pages, with their translated labels."""

from typing import Final

from django.utils.translation import gettext_lazy as _

CATEGORIES: Final = {
    "Dashboards and data": _("Dashboards and data"),
    "Code and delivery": _("Code and delivery"),
    "Collaboration": _("Collaboration"),
    "Notebooks and ML": _("Notebooks and ML"),
    "Databases": _("Databases"),
    "Proxies and gateways": _("Proxies and gateways"),
    "Infrastructure": _("Infrastructure"),
    "Frameworks and languages": _("Frameworks and languages"),
    "AI agents": _("AI agents"),
}
