"""The pages of the wizard with a program's settings, in Chromium; the documentation shows them."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from idp.integrations.catalogue import EXAMPLES, Integration, catalogue
from idp.models import Client
from tests import secrecy
from tests.conftest import Server
from tests.programs.conftest import PATIENCE, enter, take_picture
from tests.relying_party import ISSUER, EndUser, make_user

pytestmark = pytest.mark.programs

#: What a picture has for what differs from run to run.
STAND_INS = """([texts, replacements]) => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode())
    texts.forEach((text, i) => {
      walker.currentNode.data = walker.currentNode.data.replaceAll(text, replacements[i])
    })
}"""


@pytest.fixture(scope="module")
def admin(provider: Server) -> EndUser:
    return make_user(is_staff=True, groups=["operators"])


@pytest.fixture(scope="module")
def settings_page(chromium: Browser, admin: EndUser) -> Iterator[Page]:
    """A page at which an operator is signed in."""
    context = chromium.new_context(locale="en-GB", viewport={"width": 1000, "height": 900})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{ISSUER}/admin/")
    enter(page, admin)
    yield page
    secrecy.used.note(*(cookie.get("value") for cookie in context.cookies()))
    context.close()


@pytest.mark.parametrize("program", catalogue().values(), ids=lambda each: each.slug)
def test_a_program_is_added_and_its_settings_are_shown(
    settings_page: Page, admin: EndUser, program: Integration
) -> None:
    page = settings_page
    page.goto(f"{ISSUER}/admin/idp/client/add/program/{program.slug}/")
    if program.has_address:
        page.fill("[name=base]", program.base)
        page.locator(".submit-row input").click()
    page.fill("[name=name]", program.name)
    page.get_by_role("button", name="Add app").click()
    expect(page.locator(".integration")).to_be_visible()
    client = Client.objects.filter(integration=program.slug).latest("pk")
    page.goto(f"{ISSUER}/admin/idp/client/{client.pk}/settings/")
    settings = page.locator(".integration")
    expect(settings.get_by_text(program.settings[0].title, exact=True)).to_be_visible()
    shown = settings.inner_text()
    assert ISSUER in shown
    assert client.client_id in shown
    stand_ins = {
        ISSUER: EXAMPLES["issuer"],
        client.client_id: program.client_id or f"{program.slug}-1",
        admin.email: "ana@example.com",
    }
    page.evaluate(STAND_INS, [list(stand_ins), list(stand_ins.values())])
    if not program.picture:
        take_picture(page, f"{program.slug}.png")
