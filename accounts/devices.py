"""Name a browser for its user from the User-Agent header: “Firefox on Windows”, and its kind.

The header is not trustworthy. Browsers freeze it, so a table of the names in use is as good as a
library of expressions for every program there ever was.
"""

from collections import defaultdict
from collections.abc import Iterable

from django.utils.translation import gettext as _

from accounts.models import Session

# The first that is found: most browsers also name those they want to be taken for.
_BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "OPT/": "Opera",
    "Vivaldi/": "Vivaldi",
    "YaBrowser/": "Yandex",
    "DuckDuckGo/": "DuckDuckGo",
    "Ddg/": "DuckDuckGo",
    "SamsungBrowser": "Samsung Internet",
    "HuaweiBrowser": "Huawei Browser",
    "MiuiBrowser": "Mi Browser",
    "UCBrowser": "UC Browser",
    "Silk/": "Silk",
    "Whale/": "Whale",
    "Instagram": "Instagram",
    "FBAN/": "Facebook",
    "FBAV/": "Facebook",
    "GSA/": "Google",
    "Focus/": "Firefox Focus",
    "Firefox/": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chromium/": "Chromium",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
    "Trident/": "Internet Explorer",
    "curl/": "curl",
}
_SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "PlayStation": "PlayStation",
    "Nintendo": "Nintendo",
    "Xbox": "Xbox",
    "Tizen": "TV",
    "Web0S": "TV",
    "Android": "Android",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "Macintosh": "macOS",
    "FreeBSD": "FreeBSD",
    "OpenBSD": "OpenBSD",
    "Linux": "Linux",
}


def words_for(user_agent: str) -> str:
    """Return the name for a User-Agent header."""
    return known_words_for(user_agent) or _("Unknown browser")


def known_words_for(user_agent: str) -> str:
    """Return the name for a User-Agent header, or nothing: programs of many kinds have one."""
    browser = _first(_BROWSERS, user_agent)
    system = _first(_SYSTEMS, user_agent)
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system


def kind_of(user_agent: str) -> str:
    """Return the kind of device: `phone`, `tablet`, or `computer`, which is also for all others."""
    if "iPad" in user_agent or "Tablet" in user_agent:
        return "tablet"
    if "iPhone" in user_agent:
        return "phone"
    if "Android" in user_agent:
        return "phone" if "Mobile" in user_agent else "tablet"
    return "computer"


def by_device(sessions: Iterable[Session]) -> list[list[Session]]:
    """Group a user's sessions by device, in the order of each device's first.

    Sessions of one browser are on one device. Where the browser is not known, the words decide.
    """
    groups: defaultdict[str, list[Session]] = defaultdict(list)
    for session in sessions:
        groups[session.browser or words_for(session.user_agent)].append(session)
    return list(groups.values())


def _first(names: dict[str, str], user_agent: str) -> str:
    return next((name for mark, name in names.items() if mark in user_agent), "")
