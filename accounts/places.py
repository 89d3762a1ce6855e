"""The approximate place of an IP address, from a database of the operator's (`IDP_GEOIP_DB`).

The file has MaxMind's format, as of GeoLite2, DB-IP or IPinfo. It is read by its own reads and not
mapped into memory: a mapped file that is overwritten in place would end the process.
"""

import threading
from pathlib import Path
from typing import Any

import maxminddb
import structlog
from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext as _

log = structlog.get_logger(__name__)
#: An address that databases of the whole world have.
_KNOWN = "8.8.8.8"
_LONGEST = 100
_Version = tuple[int, int, int]


class _Database:
    """The operator's file, opened anew when it was replaced."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version: tuple[str, _Version | None] | None = None
        self._reader: maxminddb.Reader | None = None

    def reader(self, path: str) -> "maxminddb.Reader | None":
        """Return what reads the file as it is now; None if it can't be read."""
        version = (path, _version_of(path))
        with self._lock:
            if version != self._version:
                self._version, self._reader = version, _opened(path)
            return self._reader


_database = _Database()


def place_of(ip_address: str | None) -> str:
    """Return the place in the reader's language, such as “Lisbon, Portugal”; empty if unknown."""
    path = settings.IDP_GEOIP_DB
    if not path or not ip_address:
        return ""
    reader = _database.reader(path)
    try:
        found = reader.get(ip_address) if reader else None
    except Exception:  # noqa: BLE001  a broken file raises anything, and no page may fail for it
        return ""
    return _words(found) if isinstance(found, dict) else ""


def problem_with(path: str) -> str | None:
    """Return why a file can't be used, in a few words; None if it can."""
    try:
        with maxminddb.open_database(path, maxminddb.MODE_FILE) as reader:
            reader.get(_KNOWN)
    except Exception as problem:  # noqa: BLE001  as above
        return str(problem) or type(problem).__name__
    return None


def _version_of(path: str) -> _Version | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _opened(path: str) -> "maxminddb.Reader | None":
    try:
        return maxminddb.open_database(path, maxminddb.MODE_FILE)
    except Exception as problem:  # noqa: BLE001  as above
        log.warning("geoip_db_unreadable", path=path, reason=str(problem))
        return None


def _words(record: dict[str, Any]) -> str:
    city, country = _name(record.get("city")), _name(record.get("country"))
    if city and country:
        return _("%(city)s, %(country)s") % {"city": city, "country": country}
    return city or country


def _name(place: Any) -> str:
    """Return the name of a place in the reader's language, or else in English.

    Some databases have a text instead of names by language.
    """
    names = place.get("names") if isinstance(place, dict) else place
    if isinstance(names, dict):
        language = get_language() or ""
        ranked = (language, language.partition("-")[0], "en")
        names = next((names[tag] for tag in ranked if tag in names), "")
    return names[:_LONGEST] if isinstance(names, str) else ""
