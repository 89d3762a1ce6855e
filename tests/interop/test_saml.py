"""Sign in at an identity provider by pysaml2: another implementation, which judges us, too."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from accounts.allauth_door import social_accounts
from accounts.models import Session, Upstream, User
from accounts.upstream import kinds
from tests.conftest import ROOT
from tests.interop.conftest import Traveller, build, running
from tests.ports import free_address
from tests.programs.conftest import installed
from tests.relying_party import ISSUER, Browser, forms_of, gone_on, unique
from tests.saml import signing_key

pytestmark = pytest.mark.programs
REFEDS = "https://refeds.org/profile/mfa"


@dataclass
class There:
    """The identity provider, entered here."""

    address: str
    row: Any

    def sign_in(self, browser: Browser) -> Any:
        """Go there by the button; send the form that its page has, without our cookies."""
        page = browser.get(f"/account/upstream/{self.row.slug}/")
        assert page.is_redirect or page.status_code == 200, page.text
        page = browser.settle(page)
        [form] = forms_of(browser.get(page.headers["Location"]))
        with Browser() as elsewhere:
            answer = elsewhere.post(form.action, data=form.fields)
        assert answer.is_redirect, answer.text
        return browser.settle(browser.get(answer.headers["Location"]))


@pytest.fixture(scope="module", params=["assertion", "response", "encrypted"])
def there(
    provider: object, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[There]:
    build(ROOT, "bash", "-ec", ". scripts/needs; need /usr/bin/xmlsec1 xmlsec1")
    folder, slug = tmp_path_factory.mktemp("saml"), unique("saml")
    key = signing_key(f"pysaml2 {request.param}")
    (folder / "key.pem").write_text(key.private)
    (folder / "certificate.pem").write_text(key.certificate)
    address = free_address().replace("127.0.0.1", "localhost")
    ours = signing_key("ours")
    row = Upstream(slug=slug, name="Corp", kind="saml", issuer=f"{address}/metadata")
    row.settings = {"metadata_url": f"{address}/metadata"}
    row.levels = {"acr": {REFEDS: "urn:signet:acr:multi-factor"}}
    row.trusts_email, row.secret = True, ours.private + ours.certificate
    row.full_clean()
    row.save()
    metadata = f"{ISSUER}/account/upstream/{slug}/saml/"
    python = str(installed("pysaml2") / "bin" / "python")
    program = str(Path(__file__).parent / "saml_provider.py")
    command = [python, program, address, str(folder), metadata, request.param]
    with running("pysaml2", command, address, folder / "log"):
        yield There(address, row)


def test_alice_signs_in_and_is_signed_out_from_there(there: There) -> None:
    kind = kinds.named("saml")
    assert kind is not None
    assert kind.try_out is not None
    assert all(finding.is_fine for finding in kind.try_out(there.row))
    with Browser() as browser, Traveller() as traveller:
        assert there.sign_in(browser).url.path == "/account/"
        user = User.objects.get(email="alice@corp.test")
        assert user.name == "Alice Berg"
        assert social_accounts.found(there.row.slug, "persistent-alice").user == user
        session = Session.objects.filter(user=user).latest("created_at")
        assert session.methods[0]["level"] == "urn:signet:acr:multi-factor"
        traveller.cookies = browser.cookies
        page = traveller.settle(traveller.get(f"{there.address}/sign-out"))
        assert page.text == "signed out"
        session.refresh_from_db()
        assert session.ending == "signed-out-upstream"
        assert browser.get("/account/").is_redirect
        # Now she signs out here, and then there.
        there.sign_in(browser)
        page = browser.submit(browser.open("/account/logout/"), "confirm-logout")
        found = re.search(rf'href="(/account/upstream/{there.row.slug}/sign-out[^"]*)"', page.text)
        assert found, page.text
        gone = gone_on(browser.settle(browser.get(unescape(found[1]))))
        answer = httpx.get(gone.headers["Location"])
        page = browser.settle(browser.get(answer.headers["Location"]))
        assert "You have been signed out at Corp, too." in page.text
    user.delete()
