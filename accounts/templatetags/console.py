"""`{% load console %}`: the console's navigation, icons, initials, and times."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.template import Library
from django.template.context import RequestContext
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import console as account_console
from accounts import profile
from accounts.devices import words_for
from foundation import iso_times

register = Library()
register.filter("initials", profile.initials)
register.filter("picture", profile.picture_url)
register.filter("device", words_for)


@register.inclusion_tag("account/navigation.html", takes_context=True)
def account_navigation(context: RequestContext) -> dict[str, Any]:
    """Show the console's sections and mark the present one."""
    return {
        "sections": account_console.SECTIONS,
        "present": account_console.section_of(context["request"]),
    }


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return an icon of the sprite. It repeats what the words say, so readers skip it."""
    sprite = static("icons.svg")
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>',
        sprite,
        name,
    )


@register.simple_tag
def moment(at: datetime) -> SafeString:
    """Return a date and time in UTC, which static/times.js shows in the reader's zone."""
    shown = formats.date_format(timezone.localtime(at), "DATETIME_FORMAT")
    return format_html('<time datetime="{}" data-as="moment">{} UTC</time>', at.isoformat(), shown)


@register.simple_tag
def exactly(at: datetime) -> SafeString:
    """Return a time in ISO 8601, for the administration."""
    return iso_times.moment(at)


@register.simple_tag
def day(at: datetime) -> SafeString:
    """Return the date of a time, which static/times.js shows in the reader's zone."""
    shown = formats.date_format(timezone.localtime(at), "DATE_FORMAT")
    return format_html('<time datetime="{}" data-as="day">{}</time>', at.isoformat(), shown)


@register.simple_tag
def ago(at: datetime) -> SafeString:
    """Return how long ago a time was: “3 hours ago”, with the exact time as its title."""
    exact = formats.date_format(timezone.localtime(at), "DATETIME_FORMAT")
    return format_html(
        '<time datetime="{}" data-as="ago" title="{} UTC">{}</time>',
        at.isoformat(),
        exact,
        relative(at),
    )


def relative(at: datetime) -> str:
    """Return how long ago a time was, in its largest unit: “just now”, “3 hours ago”."""
    seconds = (timezone.now() - at).total_seconds()
    for unit, words in _UNITS:
        if seconds >= unit:
            count = int(seconds // unit)
            return words(count) % {"count": count}
    return _("just now")


#: Seconds of each unit, the largest first, and the words for a number of them.
_UNITS: tuple[tuple[int, Callable[[int], str]], ...] = (
    (31_556_952, lambda n: ngettext("%(count)d year ago", "%(count)d years ago", n)),
    (2_629_746, lambda n: ngettext("%(count)d month ago", "%(count)d months ago", n)),
    (604_800, lambda n: ngettext("%(count)d week ago", "%(count)d weeks ago", n)),
    (86_400, lambda n: ngettext("%(count)d day ago", "%(count)d days ago", n)),
    (3_600, lambda n: ngettext("%(count)d hour ago", "%(count)d hours ago", n)),
    (60, lambda n: ngettext("%(count)d minute ago", "%(count)d minutes ago", n)),
)
