"""Every URL of the admin as every role, generated from the URL configuration.

One table says what each needs. A URL that is in no rule fails the test, so that a new page is
thought about. Whoever lacks what a URL needs is refused there, whatever they send, and leaves no
change behind.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group, Permission
from django.urls import URLPattern, reverse
from django.utils import timezone

from accounts.models import Session, User
from foundation.mail import outbox
from foundation.models import Brand, Mail
from idp import keys
from idp.models import (
    Attribute,
    AuthorizationDetailsType,
    Client,
    Consent,
    Delivery,
    Event,
    Grant,
    InitialAccessToken,
    IssuerLink,
    ResourceServer,
    Role,
    Scope,
    SigningKey,
    TrustedIssuer,
)
from tests.in_process import InProcess
from tests.relying_party import make_client, make_user, unique
from tests.upstreams import make_upstream

#: What a URL may need besides permissions.
ANYBODY, STAFF, SUPERUSER, NOBODY = "anybody", "staff", "superuser", "nobody"

#: Of every model, by the end of the URL's name.
RULES = {
    "changelist": "{app}.view_{model}",
    "change": "{app}.view_{model}",
    "history": "{app}.view_{model}",
    "add": "{app}.add_{model}",
    "delete": "{app}.delete_{model}",
}
#: Models whose rows nobody adds, edits or deletes here: they come of what happens.
RECORDS = (
    *("idp_consent", "idp_grant", "idp_delivery", "foundation_mail", "idp_event"),
    *("accounts_session", "idp_signingkey"),
)
#: One by one: all of the permissions, separated by spaces.
URLS = {
    **{f"{model}_{verb}": NOBODY for model in RECORDS for verb in ("add", "delete")},
    **dict.fromkeys(("login", "logout"), ANYBODY),
    **dict.fromkeys(("index", "find", "jsi18n"), STAFF),
    "app_list": "idp.view_client",
    **dict.fromkeys(("password_change", "password_change_done"), STAFF),
    **dict.fromkeys(("configuration", "configuration_export", "configuration_import"), SUPERUSER),
    **dict.fromkeys(("auth_group_add", "auth_group_delete"), SUPERUSER),
    "auth_group_members": "auth.view_group accounts.view_user",
    "accounts_user_delete": NOBODY,
    "accounts_user_roles": "accounts.view_user idp.view_role",
    "accounts_session_end_all": "accounts.change_session",
    "idp_role_users": "idp.view_role accounts.view_user",
    "idp_role_suggestions": "idp.view_role",
    "idp_event_export": "idp.view_event",
    # There is one appearance: to add it leads to the list, which has its own rule.
    "foundation_brand_add": STAFF,
    "foundation_brand_preview": "foundation.view_brand",
    **dict.fromkeys(
        ("idp_client_everything", "idp_client_new", "idp_client_new_program"), "idp.add_client"
    ),
    **dict.fromkeys(
        ("idp_client_tab", "idp_client_settings", "idp_client_linter", "idp_client_secrets"),
        "idp.view_client",
    ),
    "idp_client_appearance_preview": "idp.view_client",
    "idp_client_preview": "idp.view_client accounts.view_user",
    "accounts_upstream_preview": "accounts.view_upstream accounts.view_user",
    "idp_client_test_sign_in": "idp.change_client",
    # Apps' users come back here; what is shown is the test's of one browser, which has its own
    # attacks (tests/idp/admin/test_test_sign_in_attacks.py).
    "idp_client_test_sign_in_answer": ANYBODY,
}
#: Admin actions need permission to change; these are enough as well.
ACTIONS = {
    ("accounts_user", "unlock"): "accounts.unlock_user",
    ("accounts_user", "send-reset"): "accounts.send_reset_user",
    ("accounts_user", "end-sessions"): "accounts.end_sessions_user",
    ("accounts_user", "remove-factors"): "accounts.remove_factors_user",
    ("accounts_session", "end"): "accounts.end_sessions_user",
}
#: Reached only after another page, with its parameters: without, there may be nothing.
FOLLOWS = ("configuration_import", "configuration_export")
ARGUMENTS = {"kind": "users", "form": "csv", "slug": "grafana", "name": "x", "tab": "sign-in"}


@dataclass(frozen=True)
class Target:
    """A URL with its arguments, and what it needs."""

    name: str
    path: str
    needs: str
    #: Another permission that is enough.
    or_needs: str = ""
    #: Whether the row is a superuser's, where only superusers act.
    is_above: bool = False

    def is_open_to(self, user: User | None) -> bool:
        if self.needs == ANYBODY:
            return True
        if user is None or not user.is_staff or self.needs == NOBODY:
            return False
        if self.needs == STAFF or user.is_superuser:
            return True
        if self.needs == SUPERUSER or self.is_above:
            return False
        either = user.has_perms(self.needs.split())
        return either or bool(self.or_needs and user.has_perm(self.or_needs))


@pytest.fixture(scope="module", autouse=True)
def without_brand_afterwards(database: None) -> Iterator[None]:
    yield
    Brand.objects.all().delete()


def rows() -> dict[str, Any]:
    """Return a row of each model, by the beginning of the names of its URLs."""
    keys.ensure_keys()
    user = User.objects.get(email=make_user().email)
    client = Client.objects.get(client_id=make_client().client_id)
    now = timezone.now()
    session = Session.objects.create(user=user, authenticated_at=now, last_seen_at=now)
    grant = Grant.objects.create(
        user=user, client=client, session=session, scope="openid", auth_time=now, acr="x"
    )
    issuer = TrustedIssuer.objects.create(issuer=f"https://{unique('idp')}.example.com")
    client.integration = "grafana"
    client.save()
    made = [
        *(user, client, session, grant, Consent.objects.create(user=user, client=client)),
        make_upstream("https://login.example", enabled=False),
        Group.objects.create(name=unique("group")),
        Role.objects.create(client=client, name="baker"),
        Delivery.objects.create(client=client, sub="x", sid="x", state=Delivery.State.FAILED),
        Mail.objects.create(recipient=user.email, template="x", state=Mail.State.FAILED),
        Event.objects.create(kind=Event.Kind.DENIED, client_id=client.client_id),
        Attribute.objects.create(name=unique("a").replace("-", "_"), label="A", type="text"),
        ResourceServer.objects.create(identifier=f"https://{unique('api')}.example.com"),
        Scope.objects.create(name=unique("scope"), description="x"),
        AuthorizationDetailsType.objects.create(
            type=unique("type"), label="A", sentence="A.", schema={"type": "object"}
        ),
        InitialAccessToken.objects.create(name=unique("t"), hashed=unique("t")),
        SigningKey.objects.filter(state="active").first(),
        IssuerLink.objects.create(issuer=issuer, user=user, subject="x"),
        issuer,
        Brand.objects.get_or_create(pk=1, defaults={"name": "Signet"})[0],
    ]
    return {f"{row._meta.app_label}_{row._meta.model_name}": row for row in made}


def superusers_rows() -> dict[str, Any]:
    """Return a superuser, and a session of theirs."""
    user = User.objects.get(email=make_user(is_staff=True, is_superuser=True).email)
    now = timezone.now()
    session = Session.objects.create(user=user, authenticated_at=now, last_seen_at=now)
    return {"accounts_user": user, "accounts_session": session}


def patterns() -> Iterator[tuple[str, str, URLPattern]]:
    """Yield the URLs of the admin, each with the beginning of its names (empty without a model)."""
    pages = {
        str(reverse(f"admin:{m._meta.app_label}_{m._meta.model_name}_changelist")): m
        for m in admin.site._registry
    }
    for entry in admin.site.get_urls():
        if isinstance(entry, URLPattern):
            yield "", "", entry
            continue
        model = pages[f"/admin/{entry.pattern}"]
        prefix = f"{model._meta.app_label}_{model._meta.model_name}"
        for pattern in entry.url_patterns:
            yield prefix, str(entry.pattern), pattern


def targets(found: dict[str, Any], above: dict[str, Any]) -> list[Target]:
    """Return every URL with rows of these. Fails for a URL that no rule knows."""
    made, unknown = [], []
    for prefix, _at, pattern in patterns():
        name = pattern.name
        if name is None:  # Django's own redirects: of an old form of addresses, and of a slash
            continue
        if name == f"{prefix}_action":
            made += list(actions(prefix, found[prefix], is_above=False))
            if prefix in above:
                made += list(actions(prefix, above[prefix], is_above=True))
            continue
        needs = needed(name, prefix)
        if needs is None:
            unknown.append(name)
            continue
        made.append(Target(name, path_of(name, pattern, found.get(prefix)), needs))
    assert not unknown, f"URLs in no rule of this test: {unknown}"
    return made


def needed(name: str, prefix: str) -> str | None:
    if name in URLS:
        return URLS[name]
    rule = RULES.get(name.removeprefix(f"{prefix}_")) if prefix else None
    app, _line, model = prefix.partition("_")
    return rule.format(app=app, model=model) if rule else None


def actions(prefix: str, row: Any, *, is_above: bool) -> Iterator[Target]:
    app, _line, model = prefix.partition("_")
    for action in admin.site._registry[type(row)].row_actions:
        path = reverse(f"admin:{prefix}_action", args=[quote(row.pk), action.name])
        needs, other = f"{app}.change_{model}", ACTIONS.get((prefix, action.name), "")
        yield Target(f"{prefix}_action", path, needs, other, is_above)


def path_of(name: str, pattern: URLPattern, row: Any) -> str:
    arguments = {key: ARGUMENTS.get(key, "") for key in pattern.pattern.converters}
    if "object_id" in arguments:
        arguments["object_id"] = quote(row.pk)
    if name == "idp_client_new":
        arguments["kind"] = "website"
    if name == "app_list":
        arguments["app_label"] = "idp"
    return str(reverse(f"admin:{name}", kwargs=arguments))


@pytest.fixture(scope="module")
def everything(database: object) -> list[Target]:
    return targets(rows(), superusers_rows())


def staff(*permissions: str, groups: tuple[str, ...] = ()) -> User:
    user = User.objects.get(email=make_user(is_staff=True, groups=list(groups)).email)
    for permission in permissions:
        app, _dot, codename = permission.partition(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    return User.objects.get(pk=user.pk)


def viewer() -> User:
    models = [model._meta for model in admin.site._registry]
    return staff(*(f"{one.app_label}.view_{one.model_name}" for one in models))


#: What the app editor may do: apps and roles, and nothing else.
EDITS_APPS = [
    f"idp.{verb}_{model}"
    for verb in ("view", "add", "change", "delete")
    for model in ("client", "role")
]
ROLES = {
    "anonymous": lambda: None,
    "person": lambda: User.objects.get(email=make_user().email),
    "staff without permissions": staff,
    "viewer": viewer,
    "support": lambda: staff(groups=("support",)),
    "app editor": lambda: staff(*EDITS_APPS),
    "superuser": lambda: User.objects.get(email=make_user(is_staff=True, is_superuser=True).email),
}
#: What a form or a list's action may carry: nothing of it does anything for who may not.
FORM = {
    "post": "yes",
    "name": "Evil",
    "email": "evil@example.com",
    "reason": "Because",
    "give": "evil@example.com",
    "take": "1",
    "is_superuser": "on",
    "powers": "edit-people",
}
CHANGES = ("admin-action", "created", "changed", "deleted", "email-changed")


@pytest.mark.parametrize("role", ROLES)
def test_every_page_is_for_those_who_may(everything: list[Target], role: str) -> None:
    user = ROLES[role]()
    browser = InProcess()
    if user is not None:
        browser.force_login(user)
    wrong = []
    for target in everything:
        answers = [browser.get(target.path)]
        is_open = target.is_open_to(user)
        if not is_open:
            answers.append(browser.post(target.path, FORM))
        if not all(is_right(target, answer, is_open=is_open) for answer in answers):
            wrong.append((target.name, target.path, [one.status_code for one in answers]))
    assert not wrong
    if user is None:
        return
    assert not Event.objects.filter(actor=user, kind__in=CHANGES).exists()


@pytest.mark.parametrize("role", ["viewer", "support", "app editor"])
def test_no_list_does_to_several_what_may_not_be_done_to_one(role: str) -> None:
    """Django's lists take any action's name; each row is asked about on its own."""
    found, above = rows(), superusers_rows()
    user = ROLES[role]()
    browser = InProcess()
    browser.force_login(user)
    for prefix, row in found.items():
        path = reverse(f"admin:{prefix}_changelist")
        for action in admin.site._registry[type(row)].row_actions:
            keys_ = [row.pk, above[prefix].pk] if prefix in above else [row.pk]
            form = {"action": action.name, "index": "0", "_selected_action": keys_}
            assert browser.post(path, form).status_code in {200, 302, 403}
    outbox.deliver()  # no server knows of the reset that this process has written
    done = Event.objects.filter(actor=user, kind__in=CHANGES).exclude(target__startswith="client ")
    allowed = (
        {"Unlock", "Send a password reset", "End all sessions"} if role == "support" else set()
    )
    assert set(done.values_list("reason", flat=True)) == allowed
    assert {event.user for event in done} <= {found["accounts_user"]}
    assert Session.objects.get(pk=above["accounts_session"].pk).ended_at is None


@pytest.mark.parametrize("group", ["operators", "support"])
def test_who_is_no_superuser_ends_no_session_of_staff(group: str) -> None:
    now = timezone.now()
    above = [
        *(User.objects.get(email=make_user(is_staff=True, is_superuser=True).email), staff()),
        *(staff(groups=("support",)), attacker := staff(groups=(group,))),
    ]
    person = User.objects.get(email=make_user().email)
    sessions = [
        Session.objects.create(user=user, authenticated_at=now, last_seen_at=now)
        for user in [*above, person]
    ]
    browser = InProcess()
    browser.force_login(attacker)
    list_action = {"action": "end", "index": "0", "_selected_action": [one.pk for one in sessions]}
    for session in sessions[:-1]:
        action = reverse("admin:accounts_session_action", args=[session.pk, "end"])
        assert [browser.get(action).status_code, browser.post(action).status_code] == [403, 403]
        pages = [
            reverse("admin:accounts_session_change", args=[session.pk]),
            reverse("admin:accounts_user_change", args=[session.user.pk]),
        ]
        assert all(f"{session.pk}/action/end/" not in text_of(browser, page) for page in pages)
    mine = reverse("admin:accounts_user_change", args=[person.pk])
    assert f"{sessions[-1].pk}/action/end/" in text_of(browser, mine)
    browser.post(reverse("admin:accounts_session_changelist"), list_action)
    browser.post(reverse("admin:accounts_session_end_all"))
    ended = Session.objects.filter(pk__in=[one.pk for one in sessions]).exclude(ended_at=None)
    assert {session.user for session in ended} == ({person} if group == "operators" else set())


def text_of(browser: InProcess, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def is_right(target: Target, answer: Any, *, is_open: bool) -> bool:
    if not is_open:
        return is_refused(answer)
    if target.needs == ANYBODY or target.name in FOLLOWS:
        return answer.status_code < 500
    return answer.status_code in {200, 302} and not is_refused(answer)


def is_refused(answer: Any) -> bool:
    """Whether an answer is a refusal: 403, or not there, or to the door of the administration."""
    if answer.status_code in {403, 404, 405}:
        return True
    to = answer.get("Location", "")
    return answer.status_code == 302 and to.startswith(("/admin/login/", "/account/login/"))
