"""Whatever saves a client refuses the same metadata: every door, every fault."""

import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import httpx
import pytest
import yaml
from django import forms

from idp.admin.clients.checked_form import CheckedForm
from idp.admin.clients.tabs import TABS
from idp.client_metadata import BY_NAME, TEXTS
from idp.declaration import DeclarationError, apply
from idp.models import Client
from tests.elsewhere import Elsewhere
from tests.idp.admin.conftest import Operator
from tests.introducing import introduced
from tests.registering import (
    REDIRECT_URI,
    document,
    headers_of,
    manage,
    register,
    registered,
    replaceable,
)
from tests.relying_party import ISSUER, Browser, make_client, make_user, spec, unique

TWO_HOSTS = ["https://a.example.com/callback", "https://b.example.com/callback"]


@dataclass(frozen=True)
class Fault:
    """Metadata that no client may have."""

    #: The member that is refused.
    name: str
    members: dict[str, Any]
    #: Parts of what is said about it, in words of Django's form, of the model, or of ours.
    says: tuple[str, ...]
    #: Doors at which it can't come up: documents are read for what we offer to them.
    not_at: str = ""


def fault(name: str, *says: str, not_at: str = "", **members: Any) -> Any:
    words = json.dumps(members, ensure_ascii=True)
    return pytest.param(Fault(name, members, says, not_at), id=f"{name}-{words}"[:70])


FAULTS = (
    fault("redirect_uris", "It is not an absolute URI", redirect_uris=["//[x"]),
    fault(
        "frontchannel_logout_uri",
        "scheme, host and port of a redirect URI",
        "valid URL",
        frontchannel_logout_uri="//[x",
    ),
    fault("redirect_uris", "It has a fragment", redirect_uris=["https://rp.example.com/#x"]),
    fault("redirect_uris", "It starts with http://", redirect_uris=["http://rp.example.com/cb"]),
    fault("redirect_uris", "which we add to it", redirect_uris=[f"{REDIRECT_URI}?code=x"]),
    fault(
        "post_logout_redirect_uris",
        "Addresses of this scheme",
        post_logout_redirect_uris=["javascript:alert(1)"],
    ),
    fault("client_name", "cannot be seen (U+200B)", client_name="Bread\u200b shop"),
    fault("client_name#de", "cannot be seen (U+202E)", **{"client_name#de": "Brot\u202eladen"}),
    fault("tos_uri#de", "starts with https://", **{"tos_uri#de": "javascript:alert(1)"}),
    fault("contacts", "cannot be seen (U+200B)", contacts=["ana\u200b@example.com"]),
    fault("policy_uri", "starts with https://", "valid URL", policy_uri="javascript:alert(1)"),
    fault(
        "initiate_login_uri", "starts with https://", initiate_login_uri="http://rp.example.com/"
    ),
    fault("initiate_login_uri", "which we add", initiate_login_uri="https://rp.example.com/?iss=x"),
    fault("backchannel_logout_uri", "no fragment", backchannel_logout_uri="https://rp.example/#x"),
    fault(
        "frontchannel_logout_uri",
        "scheme, host and port of a redirect URI",
        frontchannel_logout_uri="https://other.example.com/",
    ),
    fault(
        "id_token_signed_response_alg",
        "valid choice",
        "Choose of",
        id_token_signed_response_alg="XS256",
    ),
    fault("subject_type", "valid choice", "Choose of", subject_type="x"),
    fault(
        "jwks",
        "not both",
        jwks={"keys": []},
        jwks_uri="https://rp.example.com/jwks",
    ),
    fault("jwks_uri", "has to start with https://", jwks_uri="ftp://rp.example.com/jwks"),
    fault("jwks", "private_key_jwt needs", token_endpoint_auth_method="private_key_jwt"),
    fault(
        "id_token_signed_response_alg",
        "A client without a secret",
        token_endpoint_auth_method="none",
        id_token_signed_response_alg="HS256",
        not_at="document",
    ),
    fault(  # a document is not asked for algorithms with a secret that it can't have
        "token_endpoint_auth_method",
        "There is no secret",
        id_token_signed_response_alg="HS256",
        not_at="change form add form registration update apply import",
    ),
    fault(
        "token_endpoint_auth_signing_alg",
        "does not go with client_secret_jwt",
        token_endpoint_auth_method="client_secret_jwt",
        token_endpoint_auth_signing_alg="RS256",
        not_at="document",
    ),
    fault(
        "id_token_encrypted_response_alg",
        "none that goes",
        id_token_encrypted_response_alg="RSA-OAEP",
    ),
    fault(
        "userinfo_encrypted_response_enc",
        "userinfo_encrypted_response_alg beside it",
        userinfo_encrypted_response_enc="A128GCM",
    ),
    fault(
        "request_object_encryption_enc",
        "request_object_encryption_alg beside it",
        request_object_encryption_enc="A128GCM",
    ),
    fault("request_uris", "an https address", request_uris=["ftp://rp.example.com/request"]),
    fault("require_signed_request_object", "needs jwks", require_signed_request_object=True),
    fault("request_object_signing_alg", "needs public keys", request_object_signing_alg="RS256"),
    fault(
        "grant_types", "Refresh tokens come of", grant_types=["refresh_token"], response_types=[]
    ),
    fault(
        "response_types",
        "go together",
        response_types=["id_token"],
        not_at="document registration update",
    ),
    fault(
        "grant_types",
        "is without password",
        grant_types=["authorization_code", "password"],
        not_at="document registration update",
    ),
    fault("redirect_uris", "needs a redirect URI", redirect_uris=[]),
    fault("default_acr_values", "Not offered here: x", default_acr_values=["x"]),
    fault(
        "scope",
        "Not offered here: unheard-of",
        scope="openid unheard-of",
        not_at="document registration update",
    ),
    fault(
        "allowed_origins",
        "This is not an origin",
        allowed_origins=["https://rp.example.com/path"],
        not_at="registration update document",
    ),
    fault("software_id", "cannot be seen", software_id="\u2066x"),
    fault(
        "native_sso_group",
        "Only your own apps",
        native_sso_group="company",
        not_at="registration update document",
    ),
    fault("default_max_age", "greater than or equal to 0", default_max_age=-1),
    fault(
        "subject_type",
        "redirect URIs of one host",
        subject_type="pairwise",
        redirect_uris=TWO_HOSTS,
    ),
    fault(
        "sector_identifier_uri",
        "has to start with https://",
        subject_type="pairwise",
        redirect_uris=TWO_HOSTS,
        sector_identifier_uri="http://rp.example.com/sector.json",
    ),
    fault(
        "sector_identifier_uri",
        "",  # whatever the network says
        subject_type="pairwise",
        redirect_uris=TWO_HOSTS,
        sector_identifier_uri="https://localhost:1/sector.json",
    ),
    fault(
        "sector_identifier_uri",
        "lacks https://b.example.com/callback",
        subject_type="pairwise",
        redirect_uris=TWO_HOSTS,
        sector_identifier_uri="lists only the first",
    ),
)


@pytest.fixture(scope="module")
def operator(provider: object) -> Iterator[Operator]:
    user = make_user(is_staff=True, is_superuser=True)
    with Browser() as browser:
        operator = Operator(user, browser)
        browser.sign_in(user)
        yield operator


@dataclass(eq=False)
class House:
    """What doors lead to; a form is opened once, and sent again and again."""

    operator: Operator
    site: Elsewhere

    @cached_property
    def client(self) -> Client:
        return Client.objects.get(client_id=make_client(profile="recommended").client_id)

    @cache  # noqa: B019  for one module
    def page(self, path: str) -> httpx.Response:
        return self.operator.open(path)

    def submit(self, path: str, button: str | None = None, **fields: Any) -> httpx.Response:
        return self.operator.browser.submit(self.page(path), button, **fields)


@pytest.fixture(scope="module")
def house(operator: Operator, foreign_site: Elsewhere) -> House:
    return House(operator, foreign_site)


Door = Callable[[House, dict[str, Any]], str]


def fields_of(members: dict[str, Any]) -> dict[str, Any]:
    """Return members as the administration's form has them."""
    fields: dict[str, Any] = {}
    localized = []
    for name, value in members.items():
        if "#" in name:
            localized.append(f"{name} = {value}")
        elif name == "scope":
            fields["scopes"] = value.replace(" ", "\n")
        elif name in {"grant_types", "response_types"}:
            fields[name] = value
        elif BY_NAME[name].type is TEXTS:
            fields[name] = "\n".join(value)
        elif name == "jwks":
            fields[name] = json.dumps(value)
        else:
            fields[BY_NAME[name].column] = "on" if value is True else value
    return fields | ({"localized": "\n".join(localized)} if localized else {})


def entry_of(members: dict[str, Any]) -> dict[str, Any]:
    """Return an entry of a file with these members."""
    base = {"client_id": unique("refused"), "client_name": "Bread shop", "client_secret": "s" * 64}
    entry = {**base, "redirect_uris": [REDIRECT_URI], **members}
    if entry.get("token_endpoint_auth_method") in {"none", "private_key_jwt"}:
        del entry["client_secret"]
    return entry


def errors_of(page: httpx.Response) -> str:
    """Return what a form of the administration says is wrong."""
    lists = re.findall(r'<ul class="errorlist.*?</ul>', page.text, re.DOTALL)
    return html.unescape(" ".join(lists))


def change_form(house: House, members: dict[str, Any]) -> str:
    """Save the tabs that have these members, one by one; the last one is refused."""
    fields = fields_of(members)
    by_tab: dict[str, dict[str, Any]] = {}
    for tab in TABS:
        own = {name: value for name, value in fields.items() if name in tab.columns}
        by_tab |= {tab.slug: own} if own else {}
    client = house.client
    if len(by_tab) > 1:
        client = Client.objects.get(client_id=make_client(profile="recommended").client_id)
    for slug, own in by_tab.items():
        client.refresh_from_db()
        page = house.submit(f"idp/client/{client.pk}/change/{slug}/", **own)
    assert Client.objects.get(pk=client.pk).version == client.version, "it was saved"
    return errors_of(page)


def add_form(house: House, members: dict[str, Any]) -> str:
    client_id = unique("refused")
    fields = fields_of(document(**members) | {"redirect_uris": [REDIRECT_URI]} | members)
    page = house.submit("idp/client/add/everything/", client_id=client_id, **fields)
    assert not Client.objects.filter(client_id=client_id).exists(), "it was saved"
    return errors_of(page)


def registration(_house: House, members: dict[str, Any]) -> str:
    name = unique("Refused ")
    response = register(**{"client_name": name, **members})
    assert response.status_code == 400, response.text
    assert response.json()["error"] in {"invalid_client_metadata", "invalid_redirect_uri"}
    assert not Client.objects.filter(name=name).exists()
    return str(response.json()["error_description"])


def update(_house: House, members: dict[str, Any]) -> str:
    information = registered()
    if members.get("token_endpoint_auth_method") in {"none", "private_key_jwt"}:
        del information["client_secret"]
    version = Client.objects.get(client_id=information["client_id"]).version
    response = manage("PUT", information, body=replaceable(information, **members))
    assert response.status_code == 400, response.text
    assert response.json()["error"] in {"invalid_client_metadata", "invalid_redirect_uri"}
    assert Client.objects.get(client_id=information["client_id"]).version == version
    return str(response.json()["error_description"])


def metadata_document(house: House, members: dict[str, Any]) -> str:
    client = introduced(house.site, **members)
    asked = {"client_id": client.client_id, "redirect_uri": REDIRECT_URI, "response_type": "code"}
    page = httpx.get(f"{ISSUER}/authorize", params=asked, headers=headers_of(), verify=False)
    assert page.status_code == 400
    assert not Client.objects.filter(client_id=client.client_id).exists(), "it was saved"
    return "".join(re.findall(r"The document at .*", html.unescape(page.text)))


def applied(_house: House, members: dict[str, Any]) -> str:
    entry = entry_of(members)
    with pytest.raises(DeclarationError) as refused:
        apply({"clients": [entry]}, dry_run=False)
    assert not Client.objects.filter(client_id=entry["client_id"]).exists()
    return str(refused.value)


def import_page(house: House, members: dict[str, Any]) -> str:
    text = yaml.safe_dump({"clients": [entry_of(members)]}, allow_unicode=False)
    page = house.submit("configuration/", "show", text=text)
    return errors_of(page)


DOORS: dict[str, Door] = {
    "change form": change_form,
    "add form": add_form,
    "registration": registration,
    "update": update,
    "document": metadata_document,
    "apply": applied,
    "import": import_page,
}


@spec("RFC 7591", "2")
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_door_refuses(
    house: House,
    slow_hosts_forgotten: None,
    door: str,
    fault: Fault,
) -> None:
    if door in fault.not_at:
        return
    members = dict(fault.members)
    if members.get("sector_identifier_uri") == "lists only the first":
        listed = json.dumps(TWO_HOSTS[:1]).encode()
        members["sector_identifier_uri"] = house.site.says(f"/{unique('sector')}", listed)
    said = DOORS[door](house, members)
    assert any(words in said for words in fault.says), said
    if door not in {"change form", "add form"}:  # those show it at the field
        assert fault.name in said


@pytest.mark.parametrize(
    ("uris", "says"),
    [
        ("https://rp.example.com/#x", "It has a fragment"),
        (f"{REDIRECT_URI}?code=x", "we add to it"),
    ],
)
def test_the_pages_for_kinds_of_apps_refuse_it_too(
    operator: Operator, uris: str, says: str
) -> None:
    name = unique("Refused ")
    page = operator.save("idp/client/add/website/", name=name, redirect_uris=uris)
    assert says in html.unescape(page.text)
    assert not Client.objects.filter(name=name).exists()


def test_every_form_that_saves_a_client_runs_the_checks() -> None:
    found = list(subclasses(forms.ModelForm))
    of_clients = [form for form in found if form._meta.model is Client]  # type: ignore[attr-defined]
    assert len(of_clients) >= 2
    assert [form for form in of_clients if not issubclass(form, CheckedForm)] == []


def subclasses(kind: type) -> Iterator[type]:
    for sub in kind.__subclasses__():
        yield sub
        yield from subclasses(sub)
