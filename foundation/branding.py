"""The operator's brand, as pages and email show it: name, mark, accent colour, links and texts.

It is one row (`models.Brand`). Every process keeps it for a few seconds, as it does keys, so that a
page rarely costs a statement for it, and nothing else ever does.
"""

import time
from dataclasses import dataclass
from email.utils import formataddr, parseaddr

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from foundation import pictures, vector_pictures
from foundation.colours import OURS, STYLESHEET_PATH, Shades, Theme, shades_of
from foundation.models import Brand
from foundation.outages import OutageError
from foundation.pictures import UnusablePictureError
from foundation.vector_pictures import UnusableVectorError

log = structlog.get_logger(__name__)
#: Seconds for which a process uses the brand as it has read it.
KNOWN_FOR = 5.0
_SVG_TYPE, _PNG_TYPE = "image/svg+xml", "image/png"
Link = tuple[str | Promise, str]


@dataclass(frozen=True)
class Branding:
    """The brand as templates read it; the defaults are those of an operator who has set none."""

    name: str = "Signet"
    #: As `foundation.colours.ACCENT`, or empty.
    accent: str = ""
    #: Addresses of the mark, and of that for dark backgrounds; empty for the default mark.
    mark: str = ""
    dark_mark: str = ""
    links: tuple[Link, ...] = ()
    footer: str = ""
    #: The name that email comes from; empty for what the settings say.
    sender: str = ""
    #: The name where a host stands otherwise, such as in authenticator apps; empty for the host.
    label: str = ""

    @property
    def stylesheet(self) -> str:
        """The address of the accent's stylesheet, or empty."""
        return stylesheet_address(self.accent)

    def shades(self, theme: Theme) -> Shades:
        """Return the accent's shades in a theme."""
        return shades_of(self.accent, theme) if self.accent else OURS[theme]


@dataclass(frozen=True)
class _Known:
    loaded_at: float
    branding: Branding


#: Before the first reading, the host stands for the name.
_known = _Known(float("-inf"), Branding(name=settings.IDP_ORIGIN.partition("://")[2]))


def current() -> Branding:
    """Return the brand, KNOWN_FOR seconds old at most; without a database, the last known one."""
    global _known
    known = _known
    if time.monotonic() - known.loaded_at < KNOWN_FOR:
        return known.branding
    try:
        branding = _stored()
    except (DatabaseError, OutageError) as problem:
        log.warning("brand_not_reloaded", reason=type(problem).__name__)
        branding = known.branding
    _known = _Known(time.monotonic(), branding)
    return branding


def known() -> Branding:
    """Return the brand as this process knows it. For pages that must not use the database."""
    return _known.branding


def forget() -> None:
    """Let this process read the brand again; others do within KNOWN_FOR seconds."""
    global _known
    _known = _Known(float("-inf"), _known.branding)


def branding_of(brand: Brand, mark: str, dark_mark: str) -> Branding:
    """Return the brand of a row, with these addresses of its marks."""
    links = (
        (_("Help"), brand.help_uri),
        (_("Privacy"), brand.policy_uri),
        (_("Terms"), brand.tos_uri),
        (_("Imprint"), brand.imprint_uri),
    )
    return Branding(
        name=brand.name,
        accent=brand.accent_color,
        mark=mark,
        dark_mark=dark_mark,
        links=tuple((label, uri) for label, uri in links if uri),
        footer=brand.footer_text,
        sender=brand.sender_name or brand.name,
        label=brand.name,
    )


def sender() -> str:
    """Return who email comes from: the brand's name, and the address of the settings."""
    name = current().sender
    if not name:
        return str(settings.DEFAULT_FROM_EMAIL)
    return formataddr((name, parseaddr(settings.DEFAULT_FROM_EMAIL)[1]))


def stylesheet_address(accent: str) -> str:
    """Return the address of an accent's stylesheet; empty where there is no accent."""
    return f"{settings.IDP_PATH}{STYLESHEET_PATH}?color={accent[1:]}" if accent else ""


def picture_address(digest: str) -> str:
    """Return the address of a picture of ours; empty where there is none."""
    return f"{settings.IDP_PATH}{pictures.LOGO_PATH}?digest={digest}" if digest else ""


def usable_mark(data: bytes) -> bytes:
    """Return a mark as we show it: SVG with its shapes only, or a PNG.

    Raises UnusablePictureError or UnusableVectorError.
    """
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return vector_pictures.rewritten(data)
    return pictures.reencoded(data)


def type_of(picture: bytes) -> str:
    """Return the media type of a picture that `usable_mark` has returned."""
    return _SVG_TYPE if picture.startswith(b"<svg") else _PNG_TYPE


def mark_with(digest: str) -> bytes | None:
    """Return the mark with this digest, if it is a mark of the brand."""
    for column in ("mark", "dark_mark"):
        rows = Brand.objects.filter(**{f"{column}_digest": digest}).values_list(column, flat=True)
        picture = rows.first()
        if picture:
            return bytes(picture)
    return None


def _stored() -> Branding:
    brand = Brand.objects.defer("mark", "dark_mark").first()
    if brand is None:
        return Branding()
    marks = (brand.mark_digest, brand.dark_mark_digest)
    return branding_of(brand, *map(picture_address, marks))


#: What `usable_mark` raises.
UNUSABLE = (UnusablePictureError, UnusableVectorError)
