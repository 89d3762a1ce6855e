"""Email to users: text and HTML from one source, the words of a template.

A template has paragraphs between empty lines. A paragraph indented by four spaces is a code or a
link, which HTML shows large or as a button. The facts about the request, which are the app, device,
place and time, follow the first paragraph; if that leads to a code or link, they precede the last
one, which says what to do if it was not the user.
"""

from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from accounts.devices import words_for
from accounts.places import place_of
from foundation import branding
from foundation.branding import Branding
from foundation.client_address import client_address
from foundation.colours import DARK, LIGHT
from foundation.plain_text import isolated

_INDENT = "    "
_HOST = settings.IDP_ORIGIN.partition("://")[2]
#: When the colours of the dark theme apply, by the theme that is asked for.
_DARK_MEDIA = {"": "(prefers-color-scheme: dark)", "dark": "all", "light": "not all"}
#: Label and value.
Fact = tuple[str, str]


@dataclass(frozen=True)
class Block:
    """A part of a message: a paragraph, a code, a link, or the facts."""

    kind: str
    text: str = ""
    facts: tuple[Fact, ...] = ()


def written(
    template: str,
    email: str,
    context: dict[str, Any],
    request: HttpRequest | None,
    facts: tuple[Fact, ...] = (),
) -> EmailMultiAlternatives:
    """Return the message of a template, whose files' names begin so.

    `request` is the one of the user that the message is about, if there is one; else `facts` are
    what is known.
    """
    brand = branding.current()
    context = {**context, "email": email, "issuer": settings.IDP_ISSUER, "host": _HOST}
    context["brand"] = brand
    subject = " ".join(render_to_string(f"{template}_subject.txt", context).split())
    words = render_to_string(f"{template}_message.txt", context)
    blocks = _blocks(words, facts_of(request) if request else facts)
    message = EmailMultiAlternatives(subject, _text(blocks, brand), branding.sender(), [email])
    message.attach_alternative(_html(subject, blocks, brand), "text/html")
    return message


def example(brand: Branding, theme: str, app: str) -> str:
    """Return the HTML of an email with a code, as a brand and theme make it, for previews."""
    blocks = [
        Block("paragraph", _("Enter this code where you are signing in:")),
        Block("code", "271828"),
        Block("facts", facts=((_("App"), app),)),
        Block("paragraph", _("The code works for ten minutes.")),
        Block("link", f"{settings.IDP_ISSUER}/account/"),
    ]
    return _html(brand.name, blocks, brand, theme)


def facts_of(request: HttpRequest) -> tuple[Fact, ...]:
    """Return from where and when a request came, as far as that is known."""
    now = formats.date_format(timezone.now().astimezone(UTC), "DATETIME_FORMAT")
    known = (
        (_("App"), str(getattr(request, "app_name", ""))),
        (_("Device"), words_for(request.headers.get("User-Agent", ""))),
        (_("Place"), place_of(client_address(request))),
        (_("Time"), f"{now} UTC"),
    )
    return tuple(fact for fact in known if fact[1])


def _blocks(words: str, facts: tuple[Fact, ...]) -> list[Block]:
    parts = (part.strip("\n") for part in words.split("\n\n"))
    blocks = [_block(part) for part in parts if part]
    if facts:
        leads_on = len(blocks) > 1 and blocks[1].kind != "paragraph"
        blocks.insert(len(blocks) - 1 if leads_on else 1, Block("facts", facts=facts))
    return blocks


def _block(paragraph: str) -> Block:
    text = paragraph.strip()
    if not paragraph.startswith(_INDENT):
        return Block("paragraph", text)
    return Block("link" if text.startswith(settings.IDP_ORIGIN) else "code", text)


def _text(blocks: list[Block], brand: Branding) -> str:
    links = (f"{label}: {address}" for label, address in brand.links)
    foot = "\n".join(filter(None, ["--", brand.footer, settings.IDP_ISSUER, *links]))
    return "\n\n".join([*map(_as_text, blocks), foot])


def _as_text(block: Block) -> str:
    if block.kind == "facts":
        return "\n".join(f"{label}: {isolated(value)}" for label, value in block.facts)
    return block.text if block.kind == "paragraph" else _INDENT + block.text


def _html(subject: str, blocks: list[Block], brand: Branding, theme: str = "") -> str:
    """Return the HTML of a message; with a theme, "light" or "dark", it has no other one."""
    context = {
        "subject": subject,
        "blocks": blocks,
        "issuer": settings.IDP_ISSUER,
        "host": _HOST,
        "brand": brand,
        "light": brand.shades(LIGHT),
        "dark": brand.shades(DARK),
        "dark_media": _DARK_MEDIA[theme],
    }
    return render_to_string("account/email/letter.html", context)
