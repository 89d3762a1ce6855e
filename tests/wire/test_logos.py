"""Logos of apps that registered themselves. OIDC Dynamic Client Registration §2, `logo_uri`."""

import io
import struct
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.core.management import call_command
from django.utils import timezone
from PIL import Image

from idp.clients import logos
from idp.declaration import DeclarationError
from idp.models import ClientLogo
from tests.conftest import Server
from tests.elsewhere import Elsewhere, answering, drip
from tests.introducing import introduced
from tests.ports import free_port
from tests.registering import (
    REDIRECT_URI,
    as_client,
    initial_token,
    manage,
    register,
    registered,
    replaceable,
)
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    Registered,
    RelyingParty,
    is_page,
    make_client,
    spec,
    unique,
)

SHOWN = '<img src="/logo?digest='


def picture(kind: str = "PNG", size: tuple[int, int] = (300, 200), color: str = "red") -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, color).save(made, kind)
    return made.getvalue()


def left_at(site: Elsewhere, data: bytes, content_type: str = "image/png") -> str:
    """Leave a picture somewhere new, and return its address."""
    return site.says(f"/{unique('logo')}.png", data, content_type)


@pytest.fixture
def token(provider: object) -> str:
    """An initial access token whose apps' logos are trusted."""
    return initial_token(logos=True)


def sign_in_page(browser: Browser, information: dict[str, object]) -> httpx.Response:
    party = RelyingParty(as_client(information), browser, EndUser("", "", ""))
    page = party.visit()
    assert is_page(page, "/account/login/")
    return page


def address_on(page: httpx.Response) -> str:
    return page.text.partition(SHOWN[: SHOWN.index("/")])[2].partition('"')[0]


@spec("OIDC Dynamic Client Registration", "2")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_it_is_shown_at_once_and_served_by_us(
    browser: Browser, user: EndUser, foreign_site: Elsewhere, token: str, kind: str
) -> None:
    sent = picture(kind)
    uri = left_at(foreign_site, sent, f"image/{kind.lower()}")
    information = registered(token, logo_uri=uri)
    assert information["logo_uri"] == uri
    page = sign_in_page(browser, information)
    address = address_on(page)
    assert address.startswith("/logo?digest=")
    assert foreign_site.address not in page.text
    assert foreign_site.address not in page.headers["Content-Security-Policy"]
    consent = browser.sign_in(user, page)
    assert is_page(consent, "/consent")
    assert address in consent.text
    answer = httpx.get(f"{ISSUER}{address}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in answer.headers
    shown = Image.open(io.BytesIO(answer.content))
    assert (shown.format, shown.size) == ("PNG", (128, 85))
    assert foreign_site.times(uri.removeprefix(foreign_site.address)) == 1


@spec("OIDC Dynamic Client Registration", "2")
def test_of_a_picture_only_its_pixels_are_kept(
    browser: Browser, foreign_site: Elsewhere, token: str
) -> None:
    made = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "Where I live"
    Image.new("RGB", (40, 40), "blue").save(made, "JPEG", exif=exif, comment=b"<script>")
    uri = left_at(foreign_site, made.getvalue() + b"<?php trailing", "image/jpeg")
    address = address_on(sign_in_page(browser, registered(token, logo_uri=uri)))
    served = httpx.get(f"{ISSUER}{address}").content
    for left in (b"Where I live", b"script", b"php", b"eXIf", b"tEXt", b"iCCP"):
        assert left not in served


@spec("RFC 7591", "5")
def test_an_operator_decides_whose(browser: Browser, foreign_site: Elsewhere) -> None:
    uri = left_at(foreign_site, picture())
    for by in (None, initial_token()):
        page = sign_in_page(browser, registered(by, logo_uri=uri))
        assert SHOWN not in page.text
        assert uri not in page.text
    assert not foreign_site.times(uri.removeprefix(foreign_site.address))


def chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def png_of(width: int, height: int, *chunks: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")


def scans_without_end() -> bytes:
    """Return a JPEG that takes minutes to decode: thousands of passes over all its pixels."""
    made = io.BytesIO()
    Image.new("RGB", (2000, 2000)).save(made, "JPEG", progressive=True, quality=1)
    data = made.getvalue()
    scan = data[data.rfind(b"\xff\xda") : -2]
    return data[:-2] + scan * ((250_000 - len(data)) // len(scan)) + data[-2:]


ZEROS = zlib.compress(bytes(20_000_000))
HOSTILE = {
    "pixel bomb": png_of(30_000, 30_000, chunk(b"IDAT", ZEROS)),
    "huge claim": png_of(2**31 - 1, 2**31 - 1),
    "text bomb": png_of(1, 1, *[chunk(b"zTXt", b"a\0\0" + ZEROS)] * 8, chunk(b"IDAT", b"")),
    "scan bomb": scans_without_end(),
    "cut off": picture()[:60],
    "empty": b"",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "html": b"<script>alert(1)</script>",
    "bmp": picture("BMP"),
    "tiff": picture("TIFF"),
    "ico": picture("ICO"),
    "too many bytes": picture() + bytes(300_000),
}


@spec("RFC 7591", "5")
@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_logo(
    browser: Browser, foreign_site: Elsewhere, token: str, data: bytes
) -> None:
    information = registered(token, logo_uri=left_at(foreign_site, data))
    assert SHOWN not in sign_in_page(browser, information).text
    assert not ClientLogo.objects.filter(
        client__client_id=information["client_id"], digest__gt=""
    ).exists()


@spec("RFC 7591", "5")
def test_where_no_logo_is_fetched_from(
    browser: Browser, foreign_site: Elsewhere, token: str, slow_hosts_forgotten: None
) -> None:
    path, there = f"/{unique('logo')}", left_at(foreign_site, picture())
    address = foreign_site.address + path
    for answer, uri in (
        (answering(b"", status=302, Location=there), address),
        (answering(picture(), "image/svg+xml"), address),
        (answering(picture(), "text/html"), address),
        (answering(picture(), status=404), address),
        (answering(picture(), "image/png", Content_Encoding="gzip"), address),
        (drip, address),
        (drip, "https://10.255.255.1/logo.png"),
        (drip, "https://127.0.0.1:1/logo.png"),
        (drip, "http://rp.example.com/logo.png"),
    ):
        foreign_site.pages[path] = answer
        information = registered(token, logo_uri=uri)
        assert SHOWN not in sign_in_page(browser, information).text
    assert not foreign_site.times(there.removeprefix(foreign_site.address))


@spec("RFC 7592", "2.2")
def test_another_logo_is_fetched_and_the_one_before_goes(
    browser: Browser, foreign_site: Elsewhere, token: str
) -> None:
    red, blue = (left_at(foreign_site, picture(color=color)) for color in ("#a1b2c3", "#0a1b2c"))
    information = registered(token, logo_uri=red)
    first = address_on(sign_in_page(browser, information))
    foreign_site.says(red.removeprefix(foreign_site.address), picture(color="black"), "image/png")
    same = manage("PUT", information, body=replaceable(information, client_name="Other")).json()
    assert address_on(sign_in_page(browser, information)) == first  # nobody swaps what is shown
    changed = manage("PUT", information, body=replaceable(same, logo_uri=blue))
    assert changed.status_code == 200
    second = address_on(sign_in_page(browser, information))
    assert second not in {first, ""}
    assert httpx.get(f"{ISSUER}{first}").status_code == 404
    none = manage("PUT", information, body=replaceable(same, logo_uri=None))
    assert none.status_code == 200
    assert SHOWN not in sign_in_page(browser, information).text
    assert httpx.get(f"{ISSUER}{second}").status_code == 404


@spec("OIDC Dynamic Client Registration", "2.1")
def test_the_worker_fetches_other_languages_and_what_failed(
    browser: Browser, foreign_site: Elsewhere, token: str
) -> None:
    path = f"/{unique('logo')}"
    german = left_at(foreign_site, picture(color="green"))
    named = {"logo_uri": foreign_site.address + path, "logo_uri#de": german}
    information = registered(token, **named)
    assert SHOWN not in sign_in_page(browser, information).text
    foreign_site.says(path, picture(), "image/png")
    logos = ClientLogo.objects.filter(client__client_id=information["client_id"])
    assert logos.count() == 2
    logos.update(due_at=timezone.now() - timedelta(seconds=1))
    call_command("worker", once=True)
    plain = address_on(sign_in_page(browser, information))
    browser.headers["Accept-Language"] = "de"
    assert address_on(sign_in_page(browser, information)) not in {plain, ""}
    assert not logos.filter(due_at__isnull=False).exists()


@spec("RFC 7591", "5")
def test_a_logo_that_is_never_there_is_given_up(foreign_site: Elsewhere, token: str) -> None:
    path = f"/{unique('logo')}"
    information = registered(token, logo_uri=foreign_site.address + path)
    logos = ClientLogo.objects.filter(client__client_id=information["client_id"])
    for _ in range(8):
        logos.exclude(due_at=None).update(due_at=timezone.now() - timedelta(seconds=1))
        call_command("worker", once=True)
    assert logos.get().due_at is None
    assert foreign_site.times(path) == 5


@pytest.fixture
def trusting(provider: object, tmp_path: Path) -> Iterator[Server]:
    """A provider that shows every app's logo."""
    issuer = f"http://localhost:{free_port()}"
    server = Server(issuer, tmp_path / "log", IDP_REGISTRATION_LOGOS="on")
    server.wait()
    yield server
    server.stop()


@spec("OIDC Dynamic Client Registration", "2")
def test_a_setting_trusts_all_apps(trusting: Server, foreign_site: Elsewhere) -> None:
    uri = left_at(foreign_site, picture())
    information = register(issuer=trusting.issuer, logo_uri=uri).json()
    query = {"client_id": information["client_id"], "redirect_uri": REDIRECT_URI}
    query |= {"response_type": "code", "scope": "openid"}
    with httpx.Client(base_url=trusting.issuer, follow_redirects=True) as visitor:
        page = visitor.get("/authorize", params=query)
        assert visitor.get(address_on(page)).headers["Content-Type"] == "image/png"
        # Where the setting is off, it is not shown any more.
        elsewhere = httpx.get(f"{ISSUER}/authorize", params=query, follow_redirects=True)
        assert elsewhere.url.path == "/account/login/"
        assert SHOWN not in elsewhere.text


@spec("OAuth Client ID Metadata Document", "5")
def test_no_page_waits_for_the_logo_of_a_document(
    trusting: Server, foreign_site: Elsewhere
) -> None:
    path = f"/{unique('logo')}"
    foreign_site.says(path, picture(), "image/png")
    client = introduced(foreign_site, logo_uri=foreign_site.address + path)
    query = {"client_id": client.client_id, "redirect_uri": REDIRECT_URI, "response_type": "code"}
    query |= {"scope": "openid", "code_challenge": "x" * 43, "code_challenge_method": "S256"}
    with httpx.Client(base_url=trusting.issuer, follow_redirects=True) as visitor:
        page = visitor.get("/authorize", params=query)
        assert page.url.path == "/account/login/"
        assert SHOWN not in page.text
        assert not foreign_site.times(path)
        logos = ClientLogo.objects.filter(client__client_id=client.client_id)
        assert logos.get().due_at <= timezone.now()


@pytest.mark.parametrize("digest", ["", "x", "\0", "0" * 64, "' OR 1=1", "%"])
def test_addresses_where_no_logo_is(provider: object, digest: str) -> None:
    answer = httpx.get(f"{ISSUER}/logo", params={"digest": digest})
    assert answer.status_code == 404
    assert answer.headers["Cache-Control"] == "no-store"


def entered(**metadata: object) -> Registered:
    return make_client(client_name="Ángel's bakery", **metadata)


def test_the_logo_of_an_entered_app_is_fetched_by_the_worker(
    browser: Browser, user: EndUser, foreign_site: Elsewhere
) -> None:
    client = entered(logo_uri=left_at(foreign_site, picture()))
    party = RelyingParty(client, browser, user)
    before = party.visit()
    assert SHOWN not in before.text
    assert '<span class="initial" aria-hidden="true">Á</span>' in before.text
    while logos.fetch_due(timezone.now()):
        pass
    page = party.visit()
    assert SHOWN in page.text
    assert 'class="initial"' not in page.text.partition("<form")[0]  # buttons have some, too
    assert foreign_site.address not in page.text
    assert foreign_site.address not in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "content", [b"<svg onload=alert(1)/>", b"", b"\x89PNG\r\n\x1a\n" + b"0" * 99]
)
def test_an_entered_app_with_an_unusable_logo_has_its_initial(
    browser: Browser, user: EndUser, foreign_site: Elsewhere, content: bytes
) -> None:
    party = RelyingParty(entered(logo_uri=left_at(foreign_site, content)), browser, user)
    while logos.fetch_due(timezone.now()):
        pass
    page = party.visit()
    assert SHOWN not in page.text
    assert 'class="initial"' in page.text


def test_an_unchanged_app_keeps_its_logo_and_another_address_is_another_logo(
    provider: object, foreign_site: Elsewhere
) -> None:
    client = entered(logo_uri=left_at(foreign_site, picture()))
    stored = ClientLogo.objects.filter(client__client_id=client.client_id)
    while logos.fetch_due(timezone.now()):
        pass
    kept = stored.get()
    make_client(**{**client.metadata, "client_name": "Another name"})
    assert stored.get() == kept
    make_client(**{**client.metadata, "logo_uri": left_at(foreign_site, picture())})
    assert stored.get().digest == ""


def test_an_app_has_an_accent_of_its_own(browser: Browser, user: EndUser) -> None:
    party = RelyingParty(entered(accent_color="#0A6e5c"), browser, user)
    page = party.visit()
    sheet = '<link rel="stylesheet" href="/accent.css?color=0A6e5c">'
    assert sheet in page.text
    assert 'class="initial"' in page.text
    consent = browser.sign_in(user, page)
    assert is_page(consent, "/consent")
    assert sheet in consent.text
    assert "accent.css" not in browser.open("/account/").text


def test_no_app_sets_its_accent_itself(browser: Browser, user: EndUser, token: str) -> None:
    information = registered(token, accent_color="#0a6e5c")
    assert "accent_color" not in information
    assert "accent.css" not in sign_in_page(browser, information).text


@pytest.mark.parametrize("color", ["red", "#fff", "#123456;}*{display:none", "url(//evil.example)"])
def test_nothing_else_is_the_accent_of_an_app(provider: object, color: str) -> None:
    with pytest.raises(DeclarationError, match="accent_color"):
        make_client(accent_color=color)
