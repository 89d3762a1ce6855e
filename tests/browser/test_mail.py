"""Email as HTML, as a mail program shows it: readable in both colours, and on a telephone."""

import pytest
from playwright.sync_api import Browser

from tests.accounts.test_letters import TEMPLATES, written
from tests.browser.test_pages import AXE

WIDTHS = (320, 700)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_email_is_readable(chromium: Browser, scheme: str) -> None:
    context = chromium.new_context(color_scheme=scheme)  # type: ignore[arg-type]
    try:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for template in TEMPLATES:
            [(html, _)] = written(template).alternatives
            page.set_content(html)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 600})
                wider = (
                    "document.documentElement.scrollWidth > document.documentElement.clientWidth"
                )
                assert not page.evaluate(wider), f"{template} at {width}"
            page.add_script_tag(path=AXE)
            rules = "runOnly: ['color-contrast', 'document-title', 'html-has-lang', 'link-name']"
            found = page.evaluate(f"axe.run({{preload: false, {rules}}})")
            assert found["violations"] == [], f"{template}: {found['violations']}"
            assert any(rule["id"] == "color-contrast" for rule in found["passes"])
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == {"light": "rgb(246, 243, 239)", "dark": "rgb(25, 22, 20)"}[scheme]
        assert not [url for url in asked if url.startswith("http")]
    finally:
        context.close()
