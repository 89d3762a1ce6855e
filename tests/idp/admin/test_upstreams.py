"""Operators set identity providers up on pages; a file does the same. Secrets are never shown."""

from typing import Any

import httpx
import pytest
import yaml

from accounts.models import Upstream
from idp.declaration import Actor, DeclarationError, apply, export
from idp.models import Event
from tests.elsewhere import Elsewhere
from tests.idp.admin.conftest import Operator
from tests.relying_party import ISSUER, forms_of, no_event, unique
from tests.upstreams import FakeUpstream, make_upstream

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><path d="M0 0h4v4z"/></svg>'


def events_about(slug: str) -> list[Event]:
    return list(Event.objects.filter(target=f"upstream {slug}").order_by("pk"))


def test_one_is_set_up_tried_changed_and_deleted(
    superuser: Operator, foreign_site: Elsewhere
) -> None:
    there = FakeUpstream(foreign_site)
    slug, secret = unique("idp"), unique("very secret")
    assert "?kind=oidc" in superuser.open("accounts/upstream/add/").text
    add = "accounts/upstream/add/?kind=oidc"
    form: dict[str, Any] = {
        "name": "Example Ltd",
        "slug": slug,
        "issuer": there.issuer.name,
        "client_id": "us",
        "new_secret": secret,
        "email_domains": "example.com\nexample.org",
        "creation": "invited",
        "sign_out_there": "never",
        "claims": "given_name = first",
        "groups_claim": "groups",
        "groups": "cn=bakers,dc=example = Bakers",
    }
    wrong = {"issuer": "http://login.example", "email_domains": "Example", "groups_claim": ""}
    refused = superuser.save(add, **{**form, **wrong}).text
    for said in ("begins with https://", "not a domain in lower case", "Name the claim that says"):
        assert said in refused
    assert secret not in refused
    assert "errorlist" not in superuser.save(add, **form).text
    row = Upstream.objects.get(slug=slug)
    assert (row.kind, row.secret, row.creation) == ("oidc", secret, "invited")
    assert row.sign_out_there == "never"
    assert row.email_domains == ["example.com", "example.org"]
    assert row.mapping == {
        "claims": {"given_name": "first"},
        "groups_claim": "groups",
        "groups": {"cn=bakers,dc=example": "Bakers"},
    }
    page = f"accounts/upstream/{row.pk}/change/"
    shown = superuser.open(page).text
    assert secret not in shown
    assert f"{ISSUER}/account/upstream/{slug}/callback" in shown
    assert "Its discovery document can be used." in superuser.run_action(page, "try").text
    # What is left empty stays. The secret goes to no other server, and names no variable of ours.
    assert "errorlist" not in superuser.save(page, place="5").text
    assert Upstream.objects.get(slug=slug).secret == secret
    moved = superuser.save(page, issuer="https://other.example").text
    assert "it would be sent to another server" in moved
    named = superuser.save(page, secret_variable="DATABASE_URL").text
    assert "Use a name that begins with UPSTREAM_" in named
    events = [(event.kind, event.details) for event in events_about(slug)]
    assert [kind for kind, _ in events] == ["created", "admin-action", "changed"]
    assert list(events[2][1]["changes"]) == ["place"]
    assert events[0][1]["changes"]["secret"][1].startswith("•••")
    assert secret not in str(events)
    superuser.browser.submit(superuser.open(f"accounts/upstream/{row.pk}/delete/"))
    assert not Upstream.objects.filter(slug=slug).exists()
    assert events_about(slug)[-1].kind == "deleted"


def test_its_mark_is_rewritten_and_served(superuser: Operator) -> None:
    row = make_upstream("https://login.example", enabled=False)
    script = SVG.replace(b"<path", b"<script>alert(1)</script><path")
    for sent, is_used in ((b"not a picture", False), (script, False), (SVG, True)):
        answer = _upload(superuser, row, sent)
        row.refresh_from_db()
        assert bool(row.mark_digest) is is_used, answer.text
    mark = superuser.browser.open("/logo", digest=row.mark_digest)
    assert mark.headers["Content-Type"] == "image/svg+xml"


def _upload(operator: Operator, row: Upstream, mark: bytes) -> httpx.Response:
    page = operator.open(f"accounts/upstream/{row.pk}/change/")
    [form] = [form for form in forms_of(page) if "issuer" in form.fields]
    answer = operator.browser.post(
        str(page.url),
        data=form.fields,
        files={"new_mark": ("mark.svg", mark)},
        headers={"Origin": ISSUER, "Referer": str(page.url)},
    )
    return operator.browser.settle(answer)


def test_a_file_declares_and_exports_them() -> None:
    slug = unique("idp")
    entry = {
        "slug": slug,
        "name": "Example Ltd",
        "kind": "oidc",
        "client_id": "us",
        "issuer": "https://login.example",
        "secret_variable": "UPSTREAM_EXAMPLE_SECRET",
        "email_domains": ["example.com"],
        "trusts_email": True,
    }
    for wrong in (
        {"secret_variable": "DATABASE_URL"},
        {"secret": "in the file"},
        {"kind": "none-such"},
        {"mapping": {"claims": {"is_staff": "admin"}}},
        {"place": -1},
    ):
        with pytest.raises(DeclarationError, match=slug):
            apply({"upstreams": [{**entry, **wrong}]}, dry_run=False, actor=Actor(no_event))
    assert len(apply({"upstreams": [entry]}, dry_run=False, actor=Actor(no_event))) == 1
    assert apply({"upstreams": [entry]}, dry_run=True, actor=Actor(no_event)) == []
    row = Upstream.objects.get(slug=slug)
    row.secret = "typed in the administration"
    row.save()
    text = "".join(export(only=("upstreams",)))
    assert "typed" not in text
    assert row.sealed_secret not in text
    [found] = [each for each in yaml.safe_load(text)["upstreams"] if each["slug"] == slug]
    assert found == entry
