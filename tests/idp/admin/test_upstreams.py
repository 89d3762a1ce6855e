"""Operators set identity providers up on pages; a file does the same. Secrets are never shown."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import yaml
from django.contrib.auth.models import Group, Permission

from accounts.allauth_door import social_accounts
from accounts.levels import MULTI_FACTOR
from accounts.models import Upstream, UpstreamSession, User
from foundation import branding
from idp.data_exports import document
from idp.declaration import Actor, DeclarationError, apply, export
from idp.models import Attribute, Event
from tests.elsewhere import Elsewhere
from tests.idp.admin.conftest import Operator
from tests.relying_party import ISSUER, Browser, forms_of, no_event, unique
from tests.social import APPLE_IDS, P8
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


def test_github_and_apple_ask_for_what_they_need(superuser: Operator) -> None:
    """Each has fields of its own, a redirect URI to copy, and a file that makes the same."""
    slug = unique("github")
    add = "accounts/upstream/add/?kind=github"
    shown = superuser.open(add).text
    assert 'value="https://github.com"' in shown
    assert 'value="user:email"' in shown
    assert 'name="client_auth"' not in shown
    refused = superuser.save(add, slug=slug, client_id="us").text
    assert "It needs a client secret." in refused
    form = {"slug": slug, "client_id": "us", "new_secret": unique("secret")}
    assert "errorlist" not in superuser.save(add, **form).text
    row = Upstream.objects.get(slug=slug)
    change = superuser.open(f"accounts/upstream/{row.pk}/change/").text
    assert f"{ISSUER}/account/upstream/{slug}/callback" in change
    assert "backchannel-logout" not in change
    slug = unique("apple")
    add = "accounts/upstream/add/?kind=apple"
    form = {"slug": slug, "client_id": "us", "apple_team_id": "short", "apple_key_id": "KEY1234567"}
    assert "ten letters and digits each" in superuser.save(add, **form, new_secret=P8).text
    form["apple_team_id"] = APPLE_IDS["team_id"]
    assert "Paste the whole private key" in superuser.save(add, **form, new_secret="no key").text
    page = superuser.save(add, **form, new_secret=P8.replace("\n", "\r\n"))
    assert "errorlist" not in page.text
    row = Upstream.objects.get(slug=slug)
    assert (row.settings, row.secret.strip()) == (APPLE_IDS, P8.strip())
    page = superuser.open(f"accounts/upstream/{row.pk}/change/")
    assert 'value="TEAM123456"' in page.text
    assert P8.splitlines()[1] not in page.text
    entries = yaml.safe_load("".join(export(only=("upstreams",))))["upstreams"]
    [entry] = [entry for entry in entries if entry["slug"] == slug]
    assert entry["settings"] == APPLE_IDS
    assert "PRIVATE KEY" not in str(entry)
    declared = {"upstreams": [{**entry, "settings": {**APPLE_IDS, "key_id": "KEY7654321"}}]}
    apply(declared, dry_run=False, actor=Actor(no_event))
    # Users belong to a team: with connected accounts it stays.
    social_accounts.connect(User.objects.get(email=superuser.user.email), slug, unique("sub"), {})
    moved = {"upstreams": [{**entry, "settings": {**APPLE_IDS, "team_id": "TEAM654321"}}]}
    with pytest.raises(DeclarationError, match="People have connected accounts of it"):
        apply(moved, dry_run=False, actor=Actor(no_event))


def test_only_superusers_say_which_sign_ins_count_as_two_factors(
    superuser: Operator, hire: Callable[..., Operator]
) -> None:
    row = make_upstream("https://login.example", enabled=False)
    page = f"accounts/upstream/{row.pk}/change/"
    twice = superuser.save(page, acr_two_factors="gold", acr_phishing_resistant="gold").text
    assert "It is there twice: gold" in twice
    superuser.save(page, acr_two_factors="gold", amr_phishing_resistant="hwk\nswk")
    levels = {"acr": {"gold": MULTI_FACTOR}, "amr": {"hwk": "phr", "swk": "phr"}}
    row.refresh_from_db()
    assert row.levels == levels
    assert events_about(row.slug)[-1].details["changes"]["levels"] == [{}, levels]
    # Whoever else may edit it reads them only, whatever is posted; nor is it moved elsewhere.
    other = hire()
    permissions = Permission.objects.filter(content_type__app_label="accounts")
    codenames = ("view_upstream", "change_upstream")
    user = User.objects.get(email=other.user.email)
    user.user_permissions.set(permissions.filter(codename__in=codenames))
    shown = other.open(page)
    assert "Only superusers can change this." in shown.text
    assert "gold" in shown.text
    [form] = [form for form in forms_of(shown) if "issuer" in form.fields]
    sent = {**form.fields, "amr_two_factors": "pwd", "place": "7"}
    other.browser.settle(other.browser.post(str(shown.url), data=sent, headers=_from(shown)))
    moved = other.save(page, issuer="https://other.example", new_secret="new").text
    assert "only superusers can change where it is" in moved
    row.refresh_from_db()
    assert (row.place, row.levels, row.issuer) == (7, levels, "https://login.example")


def test_a_mapping_is_previewed_and_writes_nothing(
    superuser: Operator, hire: Callable[..., Operator], foreign_site: Elsewhere
) -> None:
    name, slug = unique("since").replace("-", "_"), unique("group")
    Attribute.objects.create(name=name, label="Since", type="date")
    Group.objects.create(name=slug)
    there = FakeUpstream(foreign_site, {"trusts_email": True, "refresh": "always"})
    row = there.row
    page = f"accounts/upstream/{row.pk}/"
    given = {"groups_claim": "roles", "groups": f"a = {slug}\nb = operators"}
    pairs = {"attributes": f"{name} = org.since", "claims": "name = name\nzoneinfo = zone"}
    assert "There is no attribute" in superuser.save(f"{page}change/", attributes="none = x").text
    assert "errorlist" not in superuser.save(f"{page}change/", **given, **pairs).text
    claims: dict[str, Any] = {"org": {"since": "2026-13-01"}, "roles": ["a", "b", "c"]}
    claims |= {"name": "Eve", "zone": "Mars/Base", "email": there.email, "email_verified": True}
    people = User.objects.count()
    for typed, said in (
        ("", "Type an email address, or claims."),
        ("{", "be read as JSON"),
        ("[" * 50_000, "be read as JSON"),
        ('{"name": "\\ud800"}', "be read as JSON"),
        ("[]", "has to be a JSON object"),
        ('{"sub": 5}', "A sub has 1 to 255 characters"),
        (json.dumps({"sub": "x" * 256}), "A sub has 1 to 255 characters"),
        (json.dumps(claims), "Gets a new account."),
    ):
        shown = superuser.browser.submit(superuser.open(f"{page}preview/"), claims=typed)
        assert (shown.status_code, said in shown.text) == (200, True), shown.text
    for part in (
        *("This has to be a date", "There is no such time zone", "counts as verified"),
        *("A group with permissions is never given", "No group here is declared for it"),
    ):
        assert part in shown.text
    assert User.objects.count() == people
    # What is said at a sign-in is taken over, and is there to be tried again.
    with Browser() as browser:
        there.sign_in(browser, **claims | {"org": {"since": "2026-03-12"}})
    user = User.objects.get(email=there.email)
    assert user.attributes == {name: "2026-03-12"}
    assert (user.zoneinfo, [each.name for each in user.groups.all()]) == ("", [slug])
    known = superuser.browser.submit(superuser.open(f"{page}preview/"), person=there.email).text
    for part in ("Signs in to the account that is connected", "2026-03-12", "Mars/Base"):
        assert part in known
    assert there.subject in known
    assert there.email.encode() not in bytes(
        UpstreamSession.objects.latest("pk").sealed_said, "utf8"
    )
    [account] = document.SECTIONS["connected_accounts"](user)
    assert account["claims"]["zone"] == "Mars/Base"
    # An attribute that is filled can't be deleted. Who may not see people sees no preview.
    attribute = Attribute.objects.get(name=name)
    path = f"/admin/idp/attribute/{attribute.pk}/delete/"
    assert superuser.browser.get(path).status_code == 403
    other = hire()
    view = Permission.objects.get(codename="view_upstream")
    User.objects.get(email=other.user.email).user_permissions.set([view])
    assert other.browser.get(f"/admin/{page}preview/").status_code == 403


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
        headers=_from(page),
    )
    return operator.browser.settle(answer)


def _from(page: httpx.Response) -> dict[str, str]:
    return {"Origin": ISSUER, "Referer": str(page.url)}


def test_a_file_declares_and_exports_them() -> None:
    slug, name = unique("idp"), unique("dept").replace("-", "_")
    entry: dict[str, Any] = {
        "slug": slug,
        "name": "Example Ltd",
        "kind": "oidc",
        "client_id": "us",
        "issuer": "https://login.example",
        "secret_variable": "UPSTREAM_EXAMPLE_SECRET",
        "email_domains": ["example.com"],
        "trusts_email": True,
        "mark": SVG.decode(),
        "mapping": {"attributes": {name: "dept"}},
    }
    attributes = [{"name": name, "label": "Department"}]
    for wrong in (
        {"secret_variable": "DATABASE_URL"},
        {"secret": "in the file"},
        {"kind": "none-such"},
        {"mapping": {"claims": {"is_staff": "admin"}}},
        {"mapping": {"attributes": {unique("none_such"): "dept"}}},
        {"mark": "<html>"},
        {"place": -1},
    ):
        with pytest.raises(DeclarationError, match=slug):
            apply({"upstreams": [{**entry, **wrong}]}, dry_run=False, actor=Actor(no_event))
    file = {"attributes": attributes, "upstreams": [entry]}
    assert len(apply(file, dry_run=False, actor=Actor(no_event))) == 2
    stored = yaml.safe_load("".join(export(only=("attributes",))))["attributes"]
    kept = [each for each in stored if each["name"] != name]
    with pytest.raises(DeclarationError, match=f"{slug}: mapping: There is no attribute {name}"):
        apply({"attributes": kept}, dry_run=True, prune=True, actor=Actor(no_event))
    assert apply({"upstreams": [entry]}, dry_run=True, actor=Actor(no_event)) == []
    row = Upstream.objects.get(slug=slug)
    row.secret = "typed in the administration"
    row.save()
    text = "".join(export(only=("upstreams",)))
    assert "typed" not in text
    assert row.sealed_secret not in text
    [found] = [each for each in yaml.safe_load(text)["upstreams"] if each["slug"] == slug]
    assert branding.type_of(found["mark"].encode()) == "image/svg+xml"
    assert found == {**entry, "mark": found["mark"]}
    assert apply({"upstreams": [found]}, dry_run=True, actor=Actor(no_event)) == []
