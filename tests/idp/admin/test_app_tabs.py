"""The page of an app has tabs: each shows and saves its own fields, and leaves the others alone."""

import html
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Permission

from accounts.models import User
from idp.admin.clients import tabs
from idp.models import Client, Event, EventCount, Scope
from tests.exchanging import EXCHANGE
from tests.idp.admin.conftest import Operator, events_of, tab_of
from tests.relying_party import ISSUER, Registered, forms_of, make_api, make_client

#: Controls of a tab, at most: those in closed groups are one each.
CONTROLS = 10


def row_of(client: Registered) -> Client:
    return Client.objects.get(client_id=client.client_id)


def page_of(client: Registered, slug: str = "") -> str:
    return f"idp/client/{row_of(client).pk}/change/{slug}{'/' if slug else ''}"


def tabs_on(page: httpx.Response) -> list[str]:
    """Return the titles of the tabs."""
    nav = page.text.partition('<nav class="tabs"')[2].partition("</nav>")[0]
    return [html.unescape(title) for title in re.findall(r">([^<>]+)</a>", nav)]


def send(operator: Operator, path: str, fields: dict[str, Any]) -> httpx.Response:
    return operator.browser.post(
        f"/admin/{path}",
        data={"csrfmiddlewaretoken": operator.browser.cookies["signet-csrf"], **fields},
        headers={"Origin": ISSUER, "Referer": f"{ISSUER}/admin/"},
    )


def form_on(page: httpx.Response) -> dict[str, Any]:
    """Return what the form of a tab would send."""
    return next(form.fields for form in forms_of(page) if "shown" in form.fields)


def test_two_people_at_two_tabs_do_not_undo_each_other(
    operator: Operator, superuser: Operator
) -> None:
    """Nor does a field come in that its tab does not have, or that its page did not have."""
    client = make_client(grant_types=["authorization_code"])
    appearance, access = (tab_of(client.client_id, name) for name in ("name", "scopes"))
    opened = operator.open(appearance)
    superuser.save(access, scopes="openid\nemail", allowed_groups=["support"])
    operator.browser.submit(opened, name="Bread", contacts="ana@example.com")
    row = row_of(client)
    assert (row.name, row.scopes, row.allowed_groups) == ("Bread", ["openid", "email"], ["support"])
    assert events_of(operator)[-1].details["changes"].keys() == {"client_name", "contacts"}

    foreign = {"scopes": "openid", "enabled": "", "skip_authorization": "on", "jwks_uri": "x"}
    sent = {**form_on(opened), **foreign, "name": "Loaves", "client_id": "other"}
    sent["shown"] = " ".join([sent["shown"], *foreign, "client_id", "id"])
    send(operator, appearance, sent)
    # The page was opened before the app could refresh: it says nothing about these fields.
    opened = operator.open(access)
    Client.objects.filter(pk=row.pk).update(
        grant_types=["authorization_code", "refresh_token"], refresh_token_grace=7
    )
    operator.browser.submit(opened, required_acr="")
    after = row_of(client)
    assert (after.name, after.scopes, after.enabled) == ("Loaves", ["openid", "email"], True)
    assert (after.skip_authorization, after.jwks_uri) == (row.skip_authorization, "")
    assert after.refresh_token_grace == 7


def test_two_tabs_that_are_saved_at_once_keep_both_changes(
    operator: Operator, superuser: Operator
) -> None:
    """Each reads the whole row before it writes it: one has to wait for the other."""
    client = make_client()
    forms = [
        (operator, operator.open(tab_of(client.client_id, "name")), "name", "App {}"),
        (superuser, superuser.open(tab_of(client.client_id, "scopes")), "scopes", "openid\ns{}"),
    ]
    Scope.objects.bulk_create([Scope(name=f"s{n}") for n in range(5)], ignore_conflicts=True)
    for n in range(5):
        with ThreadPoolExecutor(len(forms)) as pool:
            sent = [
                pool.submit(who.browser.submit, page, **{field: text.format(n)})
                for who, page, field, text in forms
            ]
        assert not any("errornote" in each.result().text for each in sent)
        row = row_of(client)
        assert (row.name, row.scopes) == (f"App {n}", ["openid", f"s{n}"])


def test_a_problem_of_another_tab_is_said_with_the_way_there(operator: Operator) -> None:
    """Those of this tab lead to their fields; nothing is saved."""
    client = make_client()
    version = row_of(client).version
    sign_in = tab_of(client.client_id, "redirect_uris")
    page = operator.save(
        sign_in,
        token_endpoint_auth_method="private_key_jwt",
        redirect_uris="http://shop.example/callback",
        default_acr_values="x",
    )
    said = page.text.partition('role="alert"')[2].partition("</ul>")[0]
    assert re.findall(r'<a href="([^"]+)">', said) == [
        "#id_redirect_uris",
        "#id_default_acr_values",
        f"/admin/{tab_of(client.client_id, 'jwks')}#id_jwks",
    ]
    assert "tab Keys and encryption" in said
    for field in ("redirect_uris", "default_acr_values"):
        assert f'id="id_{field}"' in page.text
    assert page.text.count("<details") == page.text.count('class="more-actions"')  # all are open
    assert row_of(client).version == version


@pytest.mark.parametrize(
    ("metadata", "without"),
    [
        ({"grant_types": ["authorization_code", "refresh_token"]}, {"userinfo_signed"}),
        ({"token_endpoint_auth_method": "none"}, {"strict_client", "introspection"}),
        (
            {"grant_types": ["client_credentials"], "response_types": [], "redirect_uris": []},
            {"allowed_groups", "logo_uri", "id_token_signed", "request_uris", "allowed_origins"},
        ),
    ],
    ids=["website", "single-page", "machine"],
)
def test_each_tab_is_short_and_fits_the_kind_of_app(
    operator: Operator, support: Operator, metadata: dict[str, Any], without: set[str]
) -> None:
    """What its kind can't use is left out, but not what is set nevertheless."""
    client = make_client(**metadata)
    titles = tabs_on(operator.open(page_of(client)))
    is_machine = "client_credentials" in metadata.get("grant_types", ())
    assert ("Sign-out" not in titles) is is_machine
    assert tabs_on(support.open(page_of(client))) == titles
    shown = ""
    for tab in tabs.offered(row_of(client)):
        page = operator.open(page_of(client, tab.slug)).text
        content = page.partition('<form method="post"')[2]
        content = re.sub(r"<details.*?</details>", "<details", content, flags=re.DOTALL)
        assert len(re.findall(r'class="form-row|<details', content)) <= CONTROLS
        shown += page
        read = support.open(page_of(client, tab.slug)).text.partition('<nav class="tabs"')[2]
        assert not re.search(r"<(input|select|textarea)\b(?!.*(csrf|hidden))", read)
    for name in without - {"userinfo_signed"}:
        assert f"field-{name}" not in shown
    assert "field-name" in shown
    if is_machine:
        assert operator.browser.get(f"/admin/{page_of(client, 'sign-out')}").status_code == 404
        Client.objects.filter(pk=row_of(client).pk).update(logo_uri="https://rp.example.com/x.png")
        appearance = tab_of(client.client_id, "logo_uri")
        assert "field-logo_uri" in operator.open(appearance).text
        operator.save(appearance, logo_uri="")
        assert "field-logo_uri" not in operator.open(appearance).text


def test_the_head_says_what_it_is_and_keeps_what_is_dangerous_apart(
    operator: Operator, support: Operator, superuser: Operator
) -> None:
    client = make_client(token_endpoint_auth_method="none")
    row = row_of(client)
    superuser.save(page_of(client, "access"), user=superuser.user.email)
    page = superuser.open(page_of(client)).text
    head = page.partition('class="app-head"')[2].partition("</nav>")[0]
    for words in ("<bdi>Test app</bdi></h1>", "Single-page app", superuser.user.email):
        assert words in head
    dangerous = head.partition('class="dangerous"')[2]
    for action in ("disable", "sign-out", "revoke"):
        assert f'data-action="{action}"' in dangerous
    assert f"/admin/idp/client/{row.pk}/delete/" in dangerous
    for title in ("", "activity", "nothing", "-"):
        for who in (operator, support):
            answer = who.browser.get(f"/admin/{page_of(client, title)}")
            assert answer.status_code == (200 if title in {"", "activity"} else 404)
            assert send(who, page_of(client, title), {"name": "x"}).status_code in {403, 404, 405}
    assert row_of(client).name == "Test app"
    assert 'class="more-actions"' not in support.open(page_of(client)).text


def test_activity_shows_days_and_leads_from_a_denial_to_the_comparison(
    operator: Operator, hire: Any, relying_party: Any
) -> None:
    client = relying_party.client
    relying_party.visit(redirect_uri="https://rp.example.com/callback/")
    relying_party.exchange("unknown")
    today = Event.objects.latest("id").at.replace(hour=0, minute=0, second=0, microsecond=0)
    EventCount.objects.create(
        period="day", begins_at=today, kind="signed-in", client_id=client.client_id, count=401
    )
    page = operator.open(page_of(client, "activity"))
    assert "<td>401</td>" in page.text
    assert "401 sign-ins today" in page.text
    denied = Event.objects.filter(client_id=client.client_id, kind="denied").order_by("id")
    first, second = denied
    for event in denied:
        assert f"/admin/idp/event/{event.pk}/change/" in page.text
    links = re.findall(r'href="([^"]+/developers/errors/[^"]+)"', page.text)
    (link,) = map(html.unescape, links)  # the second one was not about an address
    assert first.reference in link
    assert second.reference not in link
    compared = operator.browser.get(link).text
    assert "https://rp.example.com/callback/" in compared
    assert "that is most like it" in compared
    apps_alone = hire()
    rights = User.objects.get(email=apps_alone.user.email).user_permissions
    rights.add(Permission.objects.get(codename="view_client"))
    assert "Activity" not in tabs_on(apps_alone.open(page_of(client)))
    assert apps_alone.browser.get(f"/admin/{page_of(client, 'activity')}").status_code == 403
    assert "sign-ins today" not in apps_alone.open(page_of(client)).text


def test_a_new_secret_comes_with_the_program_to_put_it_into(operator: Operator) -> None:
    client = make_client()
    path = f"idp/client/{row_of(client).pk}/secrets/"
    page = operator.browser.submit(operator.open(path), "make-secret", overlap="24")
    secret = re.search(r'id="secret"[^>]*>([^<]+)<', page.text)
    assert secret
    assert f"<code>OIDC_CLIENT_SECRET={secret[1]}</code>" in page.text
    assert "Code: Flask with Authlib" in page.text
    assert f"OIDC_RP_CLIENT_ID = &quot;{client.client_id}&quot;" in page.text
    later = operator.open(page_of(client)).text
    assert secret[1] not in later
    values = later.partition('class="values"')[2].partition("</dl>")[0]
    assert values.count("data-copy=") == 2  # the issuer and the client ID, not the secret


def test_an_operator_says_whose_tokens_it_exchanges_and_for_what(operator: Operator) -> None:
    api = make_api()
    [scope] = api["scopes"]
    client = make_client(grant_types=["authorization_code", EXCHANGE], scope=f"openid {scope}")
    access = tab_of(client.client_id, "token_exchange_resources")
    targets = f"{api['identifier']}: {scope} from email"
    connected = "https://chat.example.com: client_id acme, scopes chat.read chat.write, email"
    page = operator.save(
        access,
        token_exchange_clients="shop",
        token_exchange_resources=targets,
        connected_applications=connected,
    )
    row = row_of(client)
    assert row.token_exchange_clients == ["shop"]
    assert row.token_exchange_resources == {api["identifier"]: {scope: "email"}}
    assert row.connected_applications == {
        "https://chat.example.com": {
            "client_id": "acme",
            "scopes": ["chat.read", "chat.write"],
            "email": True,
        }
    }
    shown = html.unescape(page.text)
    assert targets in shown
    assert connected in shown
    for name, wrong, words in (
        ("token_exchange_resources", "https://x.example.com", "There is no API"),
        ("connected_applications", "https://chat.example.com: acme", "Unknown: acme"),
    ):
        assert words in html.unescape(operator.save(access, **{name: wrong}).text)
    operator.save(access, token_exchange_resources="", connected_applications="")
    row.refresh_from_db()
    assert (row.token_exchange_resources, row.connected_applications) == (None, None)
    [cleared] = events_of(operator)[-1:]
    assert cleared.details["changes"].keys() == {
        "token_exchange_resources",
        "connected_applications",
    }


def test_a_certificate_is_named_before_it_is_chosen(superuser: Operator) -> None:
    """The name and the choice are on two tabs; either order ends in a client that works."""
    client = make_client()
    name, method = "tls_client_auth_san_dns", "token_endpoint_auth_method"
    page = superuser.save(tab_of(client.client_id, method), **{method: "tls_client_auth"})
    assert "needs a name that the certificate has to have" in html.unescape(page.text)
    assert row_of(client).token_endpoint_auth_method != "tls_client_auth"
    superuser.save(tab_of(client.client_id, name), **{name: "app.example.com"})
    superuser.save(tab_of(client.client_id, method), **{method: "tls_client_auth"})
    assert row_of(client).token_endpoint_auth_method == "tls_client_auth"
