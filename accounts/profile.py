"""What the pages show of a user: a name to greet them by, their picture or initials."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import profile_pictures
from accounts.models import User

_NOON, _EVENING = 12, 18


def first_name(user: User) -> str:
    """Return the name to greet the user by, or an empty string if they have entered none."""
    return user.given_name or user.nickname or user.name.partition(" ")[0]


def initials(user: User) -> str:
    """Return one or two letters for the user, of their name or else of their email address."""
    if user.given_name and user.family_name:
        words = [user.given_name, user.family_name]
    else:
        words = (user.name or user.given_name or user.nickname or user.shown_email).split()
    return "".join(word[0] for word in [*words[:1], *words[1:][-1:]]).upper()


def picture_url(user: User) -> str:
    """Return the path of the picture that a user has uploaded; empty if there is none.

    The policy of our pages loads no picture from elsewhere.
    """
    return "" if user.picture else profile_pictures.path_of(user.uploaded_picture)


def greeting(user: User) -> str:
    """Return a greeting by name, for the time of day if the user has entered their time zone."""
    name = first_name(user)
    if not name:
        return _("Your account")
    try:
        hour = timezone.localtime(timezone=ZoneInfo(user.zoneinfo)).hour
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return _("Hello, %(name)s") % {"name": name}
    if hour < _NOON:
        return _("Good morning, %(name)s") % {"name": name}
    if hour < _EVENING:
        return _("Good afternoon, %(name)s") % {"name": name}
    return _("Good evening, %(name)s") % {"name": name}
