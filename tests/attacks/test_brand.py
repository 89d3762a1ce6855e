"""What an operator's brand can't do: run, load, style or lead anywhere else."""

import base64
import struct
import time
import zlib

import httpx
import pytest

from foundation import branding
from foundation.vector_pictures import UnusableVectorError, rewritten
from idp.declaration import DeclarationError, apply
from tests.relying_party import ISSUER

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"


def svg(content: str, attributes: str = "") -> bytes:
    return f'<svg xmlns="{SVG}" xmlns:xlink="{XLINK}" {attributes}>{content}</svg>'.encode()


@pytest.mark.parametrize(
    "content",
    [
        "<script>alert(1)</script>",
        '<script xlink:href="https://evil.example/x.js"/>',
        "<style>*{background:url(https://evil.example)}</style>",
        '<image href="https://evil.example/pixel.png"/>',
        '<use href="https://evil.example/x.svg#a"/>',
        "<foreignObject><iframe/></foreignObject>",
        '<a href="https://evil.example"><path d="M0 0"/></a>',
        '<animate attributeName="href" values="javascript:alert(1)"/>',
        '<set attributeName="onload" to="alert(1)"/>',
        '<filter id="f"><feImage href="https://evil.example"/></filter>',
        '<pattern id="p"/>',
        "<text>Sign in at evil.example</text>",
        '<svg><path d="M0 0"/></svg>',
    ],
)
def test_elements_that_do_more_than_draw_are_refused(content: str) -> None:
    with pytest.raises(UnusableVectorError):
        rewritten(svg(content))


@pytest.mark.parametrize(
    "attribute",
    [
        'onload="alert(1)"',
        'onclick="alert(1)"',
        'href="javascript:alert(1)"',
        'xlink:href="https://evil.example/a.svg#b"',
        'xml:base="https://evil.example/"',
        'fill="url(https://evil.example/a.svg#b)"',
        'fill="URL(&#39;https://evil.example&#39;)"',
        'clip-path="url(//evil.example#b)"',
        'style="background:url(https://evil.example);fill:url(https://evil.example#x)"',
        'style="fill:red;behavior:url(#default#time2);-moz-binding:url(https://evil.example)"',
        'fill="red&quot; onload=&quot;alert(1)"',
        'class="x" filter="url(#f)" mask="url(#m)" stroke-dasharray="0.0001"',
        'd="M0 0&lt;script&gt;"',
    ],
)
def test_attributes_that_do_more_than_draw_are_left_out(attribute: str) -> None:
    made = rewritten(
        svg(f'<path d="M1 1" fill="red" {attribute}/>'.replace('fill="red" fill', "fill"))
        if not attribute.startswith("d=")
        else svg(f"<path {attribute}/>")
    )
    for word in (b"evil", b"alert", b"script", b"on", b"behavior", b"dash", b"filter", b"mask"):
        assert word not in made.replace(f'xmlns="{SVG}"'.encode(), b"").replace(b"position", b"")


@pytest.mark.parametrize(
    "document",
    [
        b'<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>' + svg("<g>&b;</g>"),
        b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + svg("<g>&x;</g>"),
        b'<!DOCTYPE svg [<!ENTITY % d SYSTEM "https://evil.example/x.dtd">%d;]>' + svg(""),
    ],
)
def test_entities_are_refused(document: bytes) -> None:
    with pytest.raises(UnusableVectorError, match="entities"):
        rewritten(document)


@pytest.mark.parametrize(
    "document",
    [
        svg("<g>" * 30 + "</g>" * 30),
        svg("<g/>" * 3000),
        svg("<!--" + "x" * 70_000 + "-->"),
        svg("<g"),
        b"<html><body>hello</body></html>",
        b"<svg><path d='M0 0'/></svg>",
        b"<",
        b"<\x00\xff\xfe",
        "<svg/>".encode("utf-16"),
        b'<?xml version="1.0" encoding="no-such-encoding"?>' + svg(""),
    ],
)
def test_what_is_no_svg_or_too_large_is_refused(document: bytes) -> None:
    with pytest.raises((UnusableVectorError, *branding.UNUSABLE)):
        branding.usable_mark(document)


def test_clip_paths_do_not_multiply() -> None:
    paths = "".join(
        f'<clipPath id="c{n}"><g clip-path="url(#c{n - 1})"><rect/><rect/></g></clipPath>'
        for n in range(1, 20)
    )
    assert b"url(" not in rewritten(svg(paths))


def test_a_drawing_stays_what_it_is() -> None:
    drawn = svg(
        "<title>Ours</title><metadata><x/></metadata><defs>"
        '<linearGradient id="a"><stop offset="0" style="stop-color:#fff;stop-opacity:.5"/>'
        '</linearGradient><linearGradient id="b" xlink:href="#a"/></defs>'
        '<g transform="translate(1,2)"><path d="M0 0L1,1z" style="fill:url(#b);x:y"/></g>',
        'viewBox="0 0 24 24"',
    )
    assert rewritten(drawn).decode() == (
        f'<svg xmlns="{SVG}" viewBox="0 0 24 24"><defs>'
        '<linearGradient id="a"><stop stop-color="#fff" stop-opacity=".5" offset="0"></stop>'
        '</linearGradient><linearGradient href="#a" id="b"></linearGradient></defs>'
        '<g transform="translate(1,2)"><path fill="url(#b)" d="M0 0L1,1z"></path></g></svg>'
    )
    assert rewritten(rewritten(drawn)) == rewritten(drawn)


def bomb() -> bytes:
    """Return a PNG of few bytes that claims 30,000 pixels a side."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 6, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1_000_000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def test_a_decompression_bomb_is_refused_fast() -> None:
    began = time.monotonic()
    with pytest.raises(branding.UNUSABLE):
        branding.usable_mark(bomb())
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "member",
    [
        {"accent_color": "red"},
        {"accent_color": "#fff;}body{display:none"},
        {"accent_color": "#12345\n"},
        {"accent_color": "url(//evil.example)"},
        {"policy_uri": "javascript:alert(1)"},
        {"policy_uri": "http://example.com/"},
        {"policy_uri": "https://user@evil.example/"},
        {"policy_uri": "https://example.com\\@evil.example/"},
        {"policy_uri": "https://example.com/ onclick=x"},
        {"policy_uri": "//evil.example/"},
        {"policy_uri": "/account/logout/"},
        {"policy_uri": "mailto:help@example.com"},
        {"help_uri": "mailto:help@example.com?bcc=all@example.com"},
        {"help_uri": "data:text/html,hello"},
        {"imprint_uri": "https://example.com/\u202egnp.exe"},
        {"tos_uri": "https://example.com/\n"},
        {"name": ""},
        {"name": "Bakery\r\nBcc: all@example.com"},
        {"name": "\u202eyrekaB"},
        {"sender_name": "Bakery\nX: y"},
        {"footer_text": "\u200b"},
        {"mark": "<script/>"},
        {"mark": "data:image/png;base64,@@@"},
        {"mark": "data:image/png;base64," + base64.b64encode(bomb()).decode()},
        {"name": 7},
        {"unknown": "x"},
    ],
)
def test_a_declared_brand_is_refused_whole(database: None, member: dict[str, object]) -> None:
    with pytest.raises(DeclarationError):
        apply({"brand": {"name": "Bakery", **member}}, dry_run=True)


@pytest.mark.parametrize("brand", [[], [{"name": "Bakery"}], "Bakery", None, 7])
def test_it_has_to_be_a_mapping(database: None, brand: object) -> None:
    with pytest.raises(DeclarationError, match="brand has to be a mapping"):
        apply({"brand": brand}, dry_run=True)


@pytest.mark.parametrize(
    "color",
    ["", "red", "fff", "123456;}", "123456%0A", "%00", "#123456", "1234567"],
)
def test_no_stylesheet_has_anything_but_an_accent(provider: object, color: str) -> None:
    answer = httpx.get(f"{ISSUER}/accent.css?color={color}")
    assert answer.status_code in {400, 404}
    assert not answer.text.startswith(":root")


def test_the_stylesheet_of_an_accent_is_public_and_no_page(provider: object) -> None:
    answer = httpx.get(f"{ISSUER}/accent.css?color=ffd400")
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=86400"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.text.startswith(":root{--wax:light-dark(#")
    assert "Set-Cookie" not in answer.headers
