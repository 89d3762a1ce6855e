"""Nothing that an address of the administration asks opens a secret column, or is a fault.

Every registered model, every column of it and of what it is related to; every role.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import Session, User
from foundation.models import Brand
from idp.admin.lists import is_declared
from idp.models import Event
from tests.idp.admin.conftest import Operator, hire, operator, superuser, support
from tests.relying_party import RelyingParty, make_api, make_client, make_user, unique

__all__ = ["hire", "operator", "superuser", "support"]  # fixtures

#: What an address may filter each list by, and nothing else.
DECLARED = {
    "accounts.user": {"is_active__exact", "is_staff__exact", "date_joined__gte", "date_joined__lt"},
    "accounts.upstream": {"enabled__exact"},
    "accounts.session": {"state", "user", "created_at__gte", "created_at__lt"},
    "auth.group": set(),
    "foundation.mail": {"state__exact"},
    "idp.attribute": set(),
    "idp.trustedissuer": {"enabled__exact"},
    "idp.issuerlink": {"issuer", "user"},
    "idp.client": {
        *("user", "enabled__exact", "token_endpoint_auth_method__exact", "profile__exact"),
        "registration_source__exact",
    },
    "idp.consent": {"user", "client", "created_at__gte", "created_at__lt"},
    "idp.grant": {"user", "client", "session", "offline__exact"},
    "idp.delivery": {"client", "session", "state__exact"},
    "idp.event": {"user", "client_id", "target", "session", "kind__exact", "at__gte", "at__lt"},
    "idp.signingkey": {"algorithm", "state__exact"},
    "idp.resourceserver": set(),
    "idp.role": {"client"},
    "idp.scope": set(),
    "idp.authorizationdetailstype": set(),
    "idp.initialaccesstoken": set(),
}
LOOKUPS = [
    *("", "__exact", "__iexact", "__contains", "__icontains", "__startswith", "__istartswith"),
    *("__endswith", "__regex", "__iregex", "__in", "__gt", "__gte", "__lt", "__lte", "__range"),
    *("__isnull", "__year", "__date", "__year__gte", "__has_key", "__contained_by", "__foo"),
    *("__foo__regex", "__0", "__search", "__unaccent", "__len", "__id", "__pk"),
]
#: Values that some column, database or parser may choke on.
ODD = ["", "(", "0", "-1", "9" * 30, "9" * 5000, "a\0b", "٣", "%", "\\'"]
ODD += ["0000-00-00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
SECRET = re.compile("password|hash|seal|secret|key")
#: The models with lists: the brand is one row, whose list leads to its form.
MODELS = sorted(admin.site._registry.keys() - {Brand}, key=lambda model: model._meta.label_lower)


def list_path(model: type[Model]) -> str:
    return f"{model._meta.app_label}/{model._meta.model_name}/"


def columns(model: type[Model]) -> Iterator[str]:
    """Name every column, and every column at the other end of every relation, both ways."""
    for field in model._meta.get_fields():
        yield field.name
        if field.is_relation and field.related_model:
            related: Any = field.related_model
            yield from (f"{field.name}__{other.name}" for other in related._meta.get_fields())


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_list_has_the_filters_that_it_declares_and_no_other(model: type[Model], rf: Any) -> None:
    page, request = admin.site._registry[model], rf.get("/")
    request.user = User(is_superuser=True, is_staff=True)
    values = [
        "1",
        "x",
        "live",
        "2026-01-01 00:00:00+00:00",
        "denied",
        "active",
        "client_secret_basic",
    ]
    values += ["recommended", "dcr", "waiting"]
    accepted = {
        f"{column}{lookup}"
        for column in [*columns(model), "state", "pk", "id", "nothing"]
        for lookup in LOOKUPS
        if any(is_declared(page, request, f"{column}{lookup}", value) for value in values)
    }
    assert accepted == DECLARED[model._meta.label_lower]


@pytest.mark.parametrize("role", ["support", "superuser"])
def test_no_column_is_read_by_a_filter(request: pytest.FixtureRequest, role: str) -> None:
    """Whatever is asked of whatever column, the answer is the same: no."""
    browser = request.getfixturevalue(role).browser
    lookup = {"support": "__startswith", "superuser": "__gte"}[role]
    for model in MODELS:
        path = f"/admin/{list_path(model)}"
        refused = 400 if browser.get(path).status_code == 200 else 403
        names = [field.name for field in model._meta.get_fields()]
        asked = [
            f"{name}{lookup}" for name in [*names, "user__password", "client__secrets__hashed"]
        ]
        answers = [
            browser.get(path, params={name: value})
            for name in asked
            if name not in DECLARED[model._meta.label_lower]
            for value in ("a0" if SECRET.search(name) else "a")
        ]
        assert {answer.status_code for answer in answers} == {refused}
        assert refused == 403 or len({without_tokens(answer.text) for answer in answers}) == 1


def without_tokens(text: str) -> str:
    return re.sub(r'(name="csrfmiddlewaretoken" value|nonce)="[^"]+"', "", text)


@pytest.mark.parametrize("role", ["support", "operator", "superuser"])
def test_a_password_hash_is_not_read_letter_by_letter(
    request: pytest.FixtureRequest, role: str
) -> None:
    browser = request.getfixturevalue(role).browser
    victim = User.objects.get(email=make_user().email)
    client = make_client()
    for path, begins in {
        "accounts/user/": {"password__startswith": victim.password},
        "accounts/session/": {"user__password__startswith": victim.password},
        "idp/event/": {"actor__password__startswith": victim.password},
        "idp/consent/": {"user__emailaddress__email__startswith": victim.email},
        "idp/client/": {"secrets__hashed__startswith": "a", "client_id": client.client_id},
        "idp/event/export/csv/": {"user__password__startswith": victim.password},
    }.items():
        answers = [
            browser.get(f"/admin/{path}", params={**begins, **more})
            for more in ({}, {next(iter(begins)): "no hash begins like this"}, {"q": victim.email})
        ]
        assert {answer.status_code for answer in answers} == {400}
        assert victim.email not in "".join(answer.text for answer in answers)


@pytest.mark.sweep
def test_no_query_string_is_a_fault(superuser: Operator) -> None:
    values = {
        **dict.fromkeys(("p", "o", "_to_field"), ("0", "(", "9" * 30, "9" * 5000, "\0", "-1")),
        **dict.fromkeys(("e", "all", "_popup", "_facets", "_changelist_filters"), ("\0",)),
        **dict.fromkeys(("date_joined__year", "email__regex", "ip_address"), ("0", "(")),
        **dict.fromkeys(("details__foo__regex", "nothing"), ("0", "(")),
    }
    for number, model in enumerate(MODELS):
        asked = dict.fromkeys(("q", *DECLARED[model._meta.label_lower]), tuple(ODD))
        if number % 5 == 0:  # what Django reads by the same code for each list
            asked |= values
        queries = [urlencode({name: value}) for name in asked for value in asked[name]]
        queries += ["%", "=&=&;", "q=%ff", "o=1.1.1.-1." + "1." * 900, "q=a&q=b&p=1&p=x"]
        for query in queries:
            answer = superuser.browser.get(f"/admin/{list_path(model)}?{query}")
            # An empty date is left out of the address: 302.
            assert answer.status_code in {200, 302, 400}, (model, query[:80], answer.status_code)


def addresses(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    """Return the routes of the administration's pages, with their parameters."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, prefix + str(pattern.pattern))
        elif isinstance(pattern, URLPattern):
            yield prefix + str(pattern.pattern)


def admin_routes() -> list[str]:
    (resolver,) = [
        pattern
        for pattern in get_resolver().url_patterns
        if isinstance(pattern, URLResolver) and pattern.app_name == "admin"
    ]
    routes = [*addresses(resolver.url_patterns)]
    return [route for route in routes if not route.startswith(("(?P<url>", "^"))]


IDS = ["xyz", "9" * 30, "-1", "a%00b", "x" * 3000, "%ff", "%D9%A3"]


def test_no_object_id_is_a_fault(superuser: Operator) -> None:
    routes = [route for route in admin_routes() if "<" in route]
    assert len(routes) > 40
    for route in routes:
        for odd in IDS:
            address = re.sub(r"<[^>]+>", odd, route)
            answer = superuser.browser.get(f"/admin/{address}")
            assert answer.status_code in {200, 302, 400, 403, 404}, (address[:80], answer)


def test_no_page_has_a_fault_for_a_query_string(superuser: Operator, relying_party: Any) -> None:
    relying_party.tokens()
    api = make_api()
    assert api
    user_row = User.objects.get(email=relying_party.user.email)
    newest = {model: model._default_manager.order_by("-pk").first() for model in MODELS}
    odd = urlencode(dict.fromkeys(("q", "user", "scopes", "next", "lists", "form"), "\x00"))
    odds = ["_changelist_filters=%00&_to_field=id&_popup=1", "_to_field=password", odd]
    odds += [
        "_changelist_filters=o%3D9999999999%26q%3D%2500",
        "state=%00&code=%00",
        "user=" + "x" * 3000,
    ]
    for route in admin_routes():
        model = next((m for m in MODELS if route.startswith(list_path(m))), User)
        row = newest[model] or user_row
        address = route.replace("<path:object_id>", str(quote(row.pk)))
        address = re.sub(r"<slug:[^>]+>", "csv", address)
        for query in odds:
            answer = superuser.browser.get(f"/admin/{address}?{query}")
            assert answer.status_code < 500, (address, query)


@pytest.mark.sweep
def test_every_filter_and_link_that_is_shown_works(
    superuser: Operator, relying_party: RelyingParty
) -> None:
    relying_party.tokens()
    relying_party.exchange("unknown")
    user_row = User.objects.get(email=relying_party.user.email)
    session = Session.objects.filter(user=user_row).first()
    assert session
    pages = [list_path(model) for model in MODELS]
    pages += [f"accounts/user/{user_row.pk}/change/", f"accounts/session/{session.pk}/change/"]
    client = relying_party.client.client_id
    row = Event.objects.filter(client_id=client).first()
    assert row
    pages.append(f"idp/event/{row.pk}/change/")
    shown = 0
    for page in pages:
        text = superuser.open(page).text
        links = set(re.findall(r'href="((?:\?|/admin/)[^"]*)"', text))
        for link in links:
            if "?" not in link or "export" in link:
                continue
            address = link if link.startswith("/") else f"/admin/{page}{link}"
            answer = superuser.browser.get(address.replace("&amp;", "&"))
            assert answer.status_code == 200, address
            shown += 1
    assert shown > 50


@pytest.mark.parametrize("odd", ODD)
def test_chosen_rows_that_can_not_be_are_no_fault(superuser: Operator, odd: str) -> None:
    browser = superuser.browser
    for model in MODELS:
        form = {"action": "unlock", "index": odd or "0", "_selected_action": odd}
        answer = post(browser, list_path(model), {**form, "select_across": "0"})
        assert answer.status_code in {200, 302, 400}, (model, odd)


def test_an_action_on_all_of_a_filter_reaches_those_and_no_others(superuser: Operator) -> None:
    mine, others = make_user(), make_user()
    sessions = {}
    for user in (mine, others):
        user_row = User.objects.get(email=user.email)
        sessions[user.email] = Session.objects.create(
            user=user_row, authenticated_at=user_row.date_joined, last_seen_at=user_row.date_joined
        )
    form = {"action": "end", "index": "0", "select_across": "1"}
    form["_selected_action"] = sessions[mine.email].pk
    user_row = sessions[mine.email].user_id
    browser = superuser.browser
    refused = post(browser, f"accounts/session/?user={user_row}&user__password__gte=a", form)
    assert refused.status_code == 400
    assert not Session.objects.filter(user_id=user_row).exclude(ended_at=None).exists()
    assert post(browser, f"accounts/session/?user={user_row}", form).status_code == 302
    ended = {email: Session.objects.get(pk=row.pk).ended_at for email, row in sessions.items()}
    assert ended[mine.email]
    assert not ended[others.email]


def post(browser: Any, path: str, form: dict[str, str]) -> Any:
    if "csrf" not in browser.cookies:
        browser.open("/account/logout/")
    return browser.post(
        f"/admin/{path}",
        data={"csrfmiddlewaretoken": browser.cookies[settings.CSRF_COOKIE_NAME], **form},
        headers={"Origin": str(browser.base_url).rstrip("/"), "Referer": str(browser.base_url)},
    )


def test_pages_that_nothing_uses_are_not_there(superuser: Operator) -> None:
    """The autocompletion would let operators search users by any model's relation."""
    query = {"app_label": "idp", "model_name": "event", "field_name": "user", "term": unique("a")}
    assert superuser.browser.get("/admin/autocomplete/", params=query).status_code == 404
    assert superuser.browser.get("/admin/r/1/1/").status_code == 404
