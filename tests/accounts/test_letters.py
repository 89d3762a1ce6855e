"""Every email comes as text and as HTML, with the same words."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings
from django.test import RequestFactory
from django.utils import timezone, translation

from accounts import letters
from tests.conftest import ROOT
from tests.relying_party import Browser, EndUser, mailed_code

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
LINK = f"{settings.IDP_ORIGIN}/account/email/undo/12:1xYPkX:9NTnJdqtIOsrIhns5TCp/"
TEMPLATES = sorted(
    str(path.relative_to(ROOT / "templates")).removesuffix("_subject.txt")
    for path in (ROOT / "templates").rglob("email/*_subject.txt")
)


class Words(HTMLParser):
    """The text of a page, and what it would load or lay out with tables."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.feed(html.partition("</head>")[2])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def plain(text: str) -> str:
    return " ".join(text.split())


def written(template: str, **more: object):
    request = RequestFactory().get("/", headers={"User-Agent": FIREFOX})
    request.app_name = "Tom & Ana <b>"  # type: ignore[attr-defined]
    context = {"code": "271828", "link": LINK, "days": 7, "due": timezone.now()}
    context |= {"new_email": "new@example.com", "old_email": "old@example.com"}
    return letters.written(template, "ana@example.com", {**context, **more}, request)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("language", ["en", "de"])
def test_both_parts_say_the_same(template: str, language: str) -> None:
    with translation.override(language):
        message = written(template)
    [(html, content_type)] = message.alternatives
    assert content_type == "text/html"
    shown = Words(html)
    body = plain("".join(shown.text))
    for paragraph in message.body.split("\n\n"):
        for line in paragraph.removeprefix("--\n").splitlines():
            assert plain(line) in body, line
    assert f'lang="{language}"' in html
    assert "Firefox" in message.body
    assert message.body.count("Tom & Ana <b>") == 1
    assert "b" not in shown.tags
    assert not re.findall(r"<(table|img|link|script|iframe)\b", html)
    assert all(link.startswith(settings.IDP_ORIGIN) for link in shown.links)
    assert "url(" not in html


def test_a_code_can_be_copied_as_digits() -> None:
    [(html, _)] = written("account/email/password_reset_code").alternatives
    assert re.search(r">271828</p>", html)


def test_without_a_request_there_are_no_facts() -> None:
    context = {"link": LINK, "days": 7}
    message = letters.written("account/email/invitation", "ana@example.com", context, None)
    assert "Device" not in message.body


def mail_to(email: str) -> EmailMessage:
    for path in Path(settings.MAIL_DIRECTORY).glob("*.log"):
        for source in path.read_bytes().split(b"-" * 79 + b"\n"):
            message = message_from_bytes(source, policy=policy.default)
            if message["To"] == email:
                return message  # type: ignore[return-value]
    raise AssertionError(f"no mail to {email}")


def test_a_mail_on_the_wire_names_the_device_and_time(browser: Browser, user: EndUser) -> None:
    browser.headers["User-Agent"] = FIREFOX
    browser.submit(browser.open("/account/password/reset/"), email=user.email)
    code = mailed_code(user.email)
    message = mail_to(user.email)
    assert message.get_content_type() == "multipart/alternative"
    text, html = (part.get_content() for part in message.iter_parts())
    assert "Device: Firefox on Linux\nTime: " in text.replace("\r\n", "\n")
    assert f">{code}</p>" in html
    assert "<bdi>Firefox on Linux</bdi>" in html
