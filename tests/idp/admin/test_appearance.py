"""The page "Appearance": one row, uploads as marks, and a preview that runs nothing."""

import io
from collections.abc import Callable, Iterator
from html import unescape

import httpx
import pytest
from PIL import Image

from foundation import branding
from foundation.models import Brand
from idp.models import Client, Event
from tests.idp.admin.conftest import Operator, events_of
from tests.relying_party import ISSUER, make_client

PAGE, PREVIEW = "foundation/brand/", "/admin/foundation/brand/preview/"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9v9z"/></svg>'
EVIL = '"><img src=x onerror=alert(1)></iframe><script>alert(1)</script>'


@pytest.fixture(autouse=True)
def default_look(database: None) -> Iterator[None]:
    yield
    Brand.objects.all().delete()
    branding.forget()


def png() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (300, 300), "red").save(made, "PNG")
    return made.getvalue()


def sent(operator: Operator, path: str, files: dict[str, bytes], **form: str) -> httpx.Response:
    operator.open(PAGE)
    answer = operator.browser.post(
        path,
        data={"csrfmiddlewaretoken": operator.browser.cookies["signet-csrf"], **form},
        files={name: (name, content) for name, content in files.items()},
        headers={"Origin": ISSUER, "Referer": f"{ISSUER}/admin/{PAGE}"},
    )
    return operator.browser.settle(answer)


def test_the_menu_leads_to_the_form_and_then_to_the_row(operator: Operator) -> None:
    page = operator.open(PAGE)
    assert page.url.path == f"/admin/{PAGE}add/"
    operator.browser.submit(page, name="Bakery", accent_color="#336699")
    assert operator.open(PAGE).url.path == f"/admin/{PAGE}1/change/"
    [event] = events_of(operator)
    assert (event.kind, event.target) == (Event.Kind.CREATED, "brand Bakery")
    assert event.details["changes"]["accent_color"] == [None, "#336699"]
    assert operator.open(f"{PAGE}add/").url.path == f"/admin/{PAGE}1/change/"


def test_marks_are_uploaded_made_anew_and_removed(operator: Operator) -> None:
    files = {"new_mark": png(), "new_dark_mark": SVG}
    sent(operator, f"/admin/{PAGE}add/", files, name="Bakery")
    brand = Brand.objects.get()
    assert Image.open(io.BytesIO(bytes(brand.mark))).size == (128, 128)
    assert bytes(brand.dark_mark).startswith(b"<svg xmlns=")
    operator.save(f"{PAGE}1/change/", no_mark="on")
    brand.refresh_from_db()
    assert (bytes(brand.mark), brand.mark_digest) == (b"", "")
    assert brand.dark_mark_digest


@pytest.mark.parametrize(
    "data", [b"GIF89a", b"<svg onload=alert(1)>", b"<script/>", b"\0" * 300_000]
)
def test_unusable_marks_are_refused(operator: Operator, data: bytes) -> None:
    page = sent(operator, f"/admin/{PAGE}add/", {"new_mark": data}, name="Bakery")
    assert "errorlist" in page.text
    assert not Brand.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("accent_color", "#fff}body{display:none"),
        ("policy_uri", "javascript:alert(1)"),
        ("tos_uri", "http://example.com/"),
        ("help_uri", "tel:112"),
        ("sender_name", "Bakery\u202e"),
    ],
)
def test_unusable_values_are_refused(operator: Operator, field: str, value: str) -> None:
    page = operator.browser.submit(operator.open(PAGE), name="Bakery", **{field: value})
    assert "errorlist" in page.text
    assert not Brand.objects.exists()


def test_the_preview_shows_what_is_not_saved(operator: Operator) -> None:
    page = sent(operator, PREVIEW, {"new_mark": SVG}, name="Unsaved bakery", accent_color="#00a0ff")
    assert page.text.count("<iframe srcdoc=") == 6
    assert page.text.count('sandbox="allow-same-origin"') == 6
    inner = unescape(page.text)
    assert "<bdi>Unsaved bakery</bdi>" in inner
    assert "/accent.css?color=00a0ff" in inner
    assert "data:image/svg+xml;base64," in inner
    assert not Brand.objects.exists()


def test_the_preview_runs_nothing_of_it(operator: Operator) -> None:
    page = sent(operator, PREVIEW, {}, name=EVIL[:60], footer_text=EVIL, sender_name=EVIL[:60])
    assert "<script" not in page.text
    assert "<img src=x" not in page.text
    assert "<script>" not in unescape(page.text)
    assert "<img src=x" not in unescape(page.text)
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'none'" in policy
    assert "default-src 'none'" in policy
    assert "form-action 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert page.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_the_preview_says_what_to_correct(operator: Operator) -> None:
    page = sent(operator, PREVIEW, {}, name="", accent_color="red")
    assert "<iframe" not in page.text
    assert page.text.count("<li>") == 2


def test_who_may_not_change_it_sees_it_alone(
    superuser: Operator, support: Operator, hire: Callable[..., Operator]
) -> None:
    assert support.browser.get(f"/admin/{PAGE}add/").status_code == 403
    sent(superuser, f"/admin/{PAGE}add/", {"new_mark": SVG}, name="Bakery")
    page = support.open(PAGE)
    assert 'name="name"' not in page.text
    assert "Bakery" in page.text
    assert support.browser.get(PREVIEW).status_code == 200
    other = hire()
    assert other.browser.get(PREVIEW).status_code == 403
    assert other.browser.get(f"/admin/{PAGE}1/change/").status_code == 403


def test_the_preview_of_an_app_shows_what_is_not_saved(
    operator: Operator, support: Operator, hire: Callable[..., Operator]
) -> None:
    client = make_client(client_name="Saved bakery", accent_color="#336699")
    row = Client.objects.get(client_id=client.client_id)
    tab = f"idp/client/{row.pk}/change/appearance/"
    preview = f"/admin/{tab}preview/"
    page = operator.open(tab)
    assert f'src="{preview}"' in page.text
    saved = unescape(operator.open(f"{tab}preview/").text)
    assert saved.count('sandbox="allow-same-origin"') == 6
    assert saved.count("/accent.css?color=336699") == 4, "email has the house's colours"
    sent = page.text.partition('name="shown" value="')[2].partition('"')[0]
    form = {"shown": sent, "name": EVIL[:60], "accent_color": "#00a0ff", "localized": ""}

    def previewed(who: Operator, **changed: str) -> httpx.Response:
        headers = {"Origin": ISSUER, "Referer": f"{ISSUER}/admin/{tab}"}
        token = who.browser.cookies["signet-csrf"]
        data = {"csrfmiddlewaretoken": token, **form, **changed}
        return who.browser.post(preview, data=data, headers=headers)

    shown = previewed(operator)
    assert shown.text.count("<iframe srcdoc=") == 6
    assert "/accent.css?color=00a0ff" in unescape(shown.text)
    assert "<img src=x" not in unescape(shown.text)
    assert "script-src 'none'" in shown.headers["Content-Security-Policy"]
    assert "<iframe" not in previewed(operator, accent_color="red").text
    row.refresh_from_db()
    assert (row.name, row.accent_color) == ("Saved bakery", "#336699")
    assert support.browser.get(preview).status_code == 200
    assert previewed(support).status_code == 403
    assert hire().browser.get(preview).status_code == 403


def test_to_delete_it_brings_the_default_look_back(operator: Operator) -> None:
    operator.browser.submit(operator.open(PAGE), name="Bakery")
    operator.browser.submit(operator.open(f"{PAGE}1/delete/"))
    assert not Brand.objects.exists()
