"""`manage.py apply --prune`: what the file's lists do not name goes, and nothing else does."""

from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Session, User
from accounts.sessions import Ending
from idp.declaration import DeclarationError, apply, entry_of
from idp.events import Kind
from idp.models import Client, Event, InitialAccessToken, ResourceServer, Scope
from tests.relying_party import unique


def run(*, dry_run: bool = False, **lists: Any) -> list[str]:
    changes = apply(lists, dry_run=dry_run, prune=True)
    return [line for change in changes for line in change.lines()]


def make(name: str) -> dict[str, list[dict[str, Any]]]:
    """Make one of everything, and return the declaration of it."""
    declaration: dict[str, list[dict[str, Any]]] = {
        "users": [{"email": f"{name}@example.com"}],
        "clients": [
            {
                "client_id": name,
                "client_secret": "x" * 40,
                "redirect_uris": ["https://rp.example.com/callback"],
            }
        ],
        "resource_servers": [{"identifier": f"https://{name}.example.com"}],
        "scopes": [{"name": f"{name}.scope"}],
        "initial_access_tokens": [{"name": name, "token": name * 5}],
    }
    apply(declaration, dry_run=False)
    return declaration


@pytest.mark.usefixtures("empty")
def test_what_is_not_named_goes() -> None:
    kept, other = unique("kept"), unique("other")
    make(other)
    assert sorted(run(**make(kept))) == [
        "    is_active: True -> False",
        f"- client {other}",
        f"- initial access token {other}",
        f"- resource server https://{other}.example.com",
        f"- scope {other}.scope",
        f"- user {other}@example.com",
    ]
    assert [client.client_id for client in Client.objects.all()] == [kept]
    assert [server.identifier for server in ResourceServer.objects.all()] == [
        f"https://{kept}.example.com"
    ]
    assert [scope.name for scope in Scope.objects.all()] == [f"{kept}.scope"]
    assert [token.name for token in InitialAccessToken.objects.all()] == [kept]
    assert run(**make(kept)) == []


@pytest.mark.usefixtures("empty")
def test_each_removal_is_an_event_with_what_there_was() -> None:
    other = unique("other")
    make(other)
    run(clients=[], users=[])
    event = Event.objects.get(kind=Kind.DELETED, target=f"client {other}")
    assert event.details["by"] == "apply"
    assert event.client_id == other
    assert event.details["changes"]["redirect_uris"] == [["https://rp.example.com/callback"], None]
    event = Event.objects.get(kind=Kind.CHANGED, target=f"user {other}@example.com")
    assert event.details["changes"] == {"is_active": [True, False]}
    assert event.user == User.objects.get(email=f"{other}@example.com")


@pytest.mark.usefixtures("empty")
def test_a_list_that_the_file_does_not_have_is_left_alone() -> None:
    make(unique("other"))
    assert run() == []
    assert run(scopes=[])[0].startswith("- scope ")
    assert Client.objects.exists()
    assert User.objects.filter(is_active=True).exists()


@pytest.mark.usefixtures("empty")
def test_without_prune_everything_stays() -> None:
    make(unique("other"))
    nothing: dict[str, Any] = {name: [] for name in ("users", "clients", "scopes")}
    assert apply(nothing, dry_run=False) == []


@pytest.mark.usefixtures("empty")
def test_a_dry_run_says_the_same_and_does_nothing() -> None:
    name = unique("other")
    make(name)
    events = Event.objects.count()
    said = run(clients=[], users=[], dry_run=True)
    assert Client.objects.filter(client_id=name).exists()
    assert User.objects.get(email=f"{name}@example.com").is_active
    assert Event.objects.count() == events
    assert run(clients=[], users=[]) == said


@pytest.mark.usefixtures("empty")
def test_users_are_disabled_and_keep_their_subject() -> None:
    name = unique("other")
    entry = make(name)["users"][0]
    user = User.objects.get(email=entry["email"])
    now = timezone.now()
    session = Session.objects.create(user=user, authenticated_at=now, last_seen_at=now)
    run(users=[])
    session.refresh_from_db()
    assert session.ending == Ending.ACCOUNT_DISABLED
    assert run(users=[]) == []
    assert run(users=[entry]) == [f"~ user {entry['email']}", "    is_active: False -> True"]
    assert User.objects.get(sub=user.sub).is_active


@pytest.mark.usefixtures("empty")
def test_superusers_and_users_who_signed_up_themselves_stay() -> None:
    User.objects.create_superuser(f"{unique('root')}@example.com")
    User.objects.create_user(f"{unique('guest')}@example.com", self_registered=True)
    assert run(users=[]) == []


@pytest.mark.usefixtures("empty")
def test_clients_that_registered_themselves_stay() -> None:
    name = unique("dynamic")
    make(name)
    Client.objects.filter(client_id=name).update(registration_source="dcr")
    assert run(clients=[]) == []


@pytest.mark.usefixtures("empty")
def test_a_revoked_token_stays_as_the_record_of_it() -> None:
    make(unique("other"))
    InitialAccessToken.objects.update(revoked_at=timezone.now())
    assert run(initial_access_tokens=[]) == []


@pytest.mark.usefixtures("empty")
def test_a_scope_moves_from_nobody_to_an_api_and_back() -> None:
    scope = {"name": unique("s")}
    api = {"identifier": f"https://{unique('api')}.example.com"}
    run(scopes=[scope], resource_servers=[api])
    with pytest.raises(DeclarationError, match=f"scopes: .*{scope['name']}"):
        apply({"resource_servers": [{**api, "scopes": [scope["name"]]}]}, dry_run=False)
    run(scopes=[], resource_servers=[{**api, "scopes": [scope["name"]]}])
    run(scopes=[scope], resource_servers=[api])
    assert Scope.objects.filter(name=scope["name"]).exists()


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("kind", ["scopes", "resource_servers"])
def test_a_scope_that_an_app_asks_for_does_not_go_unseen(kind: str) -> None:
    name = unique("s")
    apis = [{"identifier": f"https://{name}.example.com", "scopes": [name]}]
    holder = {
        "client_id": unique("client"),
        "client_secret": "x" * 40,
        "grant_types": ["client_credentials"],
        "scope": name,
    }
    run(clients=[holder], **{kind: [{"name": name}] if kind == "scopes" else apis})
    with pytest.raises(
        DeclarationError, match=f"client {holder['client_id']}: scope: Nothing offers {name}"
    ):
        run(**{kind: []})
    run(clients=[], **{kind: []})


@pytest.mark.usefixtures("empty")
def test_an_api_may_not_name_a_client_that_goes() -> None:
    declaration = make(unique("other"))
    api = declaration["resource_servers"][0]
    api["introspection_clients"] = [declaration["clients"][0]["client_id"]]
    apply(declaration, dry_run=False)
    with pytest.raises(DeclarationError, match="introspection_clients: unknown"):
        run(clients=[], resource_servers=[api])
    assert run(clients=[], resource_servers=[{**api, "introspection_clients": []}])
    assert entry_of(ResourceServer.objects.get(identifier=api["identifier"])) == {
        "identifier": api["identifier"]
    }
