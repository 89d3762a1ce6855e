"""The wizard's programs: an app is filled in, and its settings are shown with its values."""

import html
import json
import re
from dataclasses import replace

import httpx
import pytest

from idp.admin.clients.new_program import NewProgramForm
from idp.declaration import DeclarationError, apply, export
from idp.integrations.catalogue import catalogue
from idp.models import Client
from tests.idp.admin.conftest import Operator, events_of, tab_of
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    make_client,
    unique,
)

ADD = "idp/client/add/"
GRAFANA = f"{ADD}program/grafana/"


def blocks(page: httpx.Response) -> list[str]:
    """Return the settings that a page shows."""
    found = re.findall(r"<pre[^>]*><code>(.*?)</code>", page.text, re.DOTALL)
    return [html.unescape(text) for text in found]


def add(operator: Operator, slug: str, base: str = "", **fields: str) -> httpx.Response:
    """Go through the wizard: the program's address, the form that is filled in, and its end."""
    page = operator.open(f"{ADD}program/{slug}/", **({"base": base} if base else {}))
    return operator.browser.submit(page, name=fields.pop("name", unique("App")), **fields)


def newest(slug: str) -> Client:
    return Client.objects.filter(integration=slug).latest("pk")


def test_a_program_is_filled_in_and_its_settings_are_whole(
    operator: Operator, browser: Browser, user: EndUser
) -> None:
    page = add(operator, "grafana", "https://grafana.example.org/")
    client = newest("grafana")
    assert client.redirect_uris == ["https://grafana.example.org/login/generic_oauth"]
    assert client.post_logout_redirect_uris == ["https://grafana.example.org/login"]
    assert client.scopes == ["openid", "profile", "email", "roles", "offline_access"]
    assert client.grant_types == ["authorization_code", "refresh_token"]
    assert client.profile == "recommended"

    (ini,) = blocks(page)
    (secret,) = re.findall(r"client_secret = (\S+)", ini)
    assert f"client_id = {client.client_id}\n" in ini
    assert f"token_url = {ISSUER}/token\n" in ini
    assert "root_url = https://grafana.example.org/\n" in ini
    registered = make_client()
    registered.client_id, registered.secret = client.client_id, secret
    answer = RelyingParty(registered, browser, user).token(grant_type="x")
    assert answer.json()["error"] == "unsupported_grant_type"  # so the secret is right

    page = operator.open(f"idp/client/{client.pk}/settings/")
    assert secret not in page.text
    assert blocks(page) == [ini.replace(secret, "your-client-secret")]
    app = operator.open(f"idp/client/{client.pk}/change/")
    assert f"/admin/idp/client/{client.pk}/settings/" in app.text
    assert "Settings of Grafana" in app.text
    assert "OIDC_CLIENT_SECRET" not in app.text  # no quick starts beside them


def test_a_later_secret_is_in_the_settings_too(operator: Operator) -> None:
    add(operator, "gitlab", "https://gitlab.example.org")
    client = newest("gitlab")
    assert client.secrets.count() == 1
    page = operator.open(f"idp/client/{client.pk}/secrets/")
    page = operator.browser.submit(page, overlap="24")
    (secret,) = re.findall(r'<code id="secret"[^>]*>([^<]+)', page.text)
    assert f'secret: "{secret}"' in blocks(page)[0]


def test_a_program_without_a_secret_leads_to_its_settings(operator: Operator) -> None:
    page = add(operator, "kubernetes")  # its address does not matter
    client = newest("kubernetes")
    assert not client.needs_secret
    assert client.application_type == "native"
    assert page.url.path == f"/admin/idp/client/{client.pk}/settings/"
    assert f"--oidc-client-id={client.client_id}" in blocks(page)[0]
    assert "your-client-secret" not in page.text


def test_what_is_filled_in_can_be_changed(operator: Operator) -> None:
    page = add(
        operator,
        "nextcloud",
        "https://cloud.example.org",
        redirect_uris="https://files.example.org/apps/user_oidc/code",
        scopes="openid\nemail",
        backchannel_logout_uri="",
    )
    client = newest("nextcloud")
    assert client.scopes == ["openid", "email"]
    assert client.backchannel_logout_uri == ""
    assert ISSUER in blocks(page)[0]


def test_where_claims_are_can_be_chosen(operator: Operator) -> None:
    add(operator, "grafana", "https://grafana.example.org")
    assert newest("grafana").id_token_claims == "scopes"
    add(operator, "grafana", "https://grafana.example.org", id_token_claims="userinfo")
    assert newest("grafana").id_token_claims == "userinfo"
    program = replace(catalogue()["grafana"], client={"id_token_claims": "userinfo"})
    assert NewProgramForm(program)["id_token_claims"].value() == "userinfo"


def test_members_of_the_catalogue_are_set(operator: Operator) -> None:
    add(operator, "gitea", "https://git.example.org")
    assert newest("gitea").profile == catalogue()["gitea"].client["profile"]
    add(operator, "synapse", "https://matrix.example.org")
    assert newest("synapse").backchannel_logout_uri == (
        "https://matrix.example.org/_synapse/client/oidc/backchannel_logout"
    )


def test_a_signature_is_proposed_and_the_settings_follow_it(operator: Operator) -> None:
    for algorithm in ("ES256", "RS256"):
        proposed = {} if algorithm == "ES256" else {"id_token_signed_response_alg": algorithm}
        page = add(operator, "django", "http://localhost:5003", **proposed)
        client = newest("django")
        assert client.id_token_signed_response_alg == algorithm
        assert f'OIDC_RP_SIGN_ALGO = "{algorithm}"' in blocks(page)[0]
        page = operator.open(f"idp/client/{client.pk}/settings/")
        assert f'OIDC_RP_SIGN_ALGO = "{algorithm}"' in blocks(page)[0]
    page = operator.open(f"{ADD}program/spring-boot/", base="http://localhost:5007")
    assert "id_token_signed_response_alg" not in page.text, "Spring Security knows RS256 alone"
    add(operator, "spring-boot", "http://localhost:5007")
    assert newest("spring-boot").id_token_signed_response_alg == "RS256"


@pytest.mark.parametrize(
    "base", ["", "javascript:alert(1)", "https://a.test/?x", "https://", "a b", "x" * 400]
)
def test_another_address_is_asked_for_again(operator: Operator, base: str) -> None:
    page = operator.open(GRAFANA, base=base)
    assert 'class="errorlist"' in page.text
    assert 'name="base"' in page.text
    assert 'name="redirect_uris"' not in page.text


def test_an_address_without_a_scheme_is_https(operator: Operator) -> None:
    page = operator.open(GRAFANA, base="grafana.example.org")
    assert "https://grafana.example.org/login/generic_oauth" in page.text


def test_an_address_that_cannot_be_registered_is_refused(operator: Operator) -> None:
    name = unique("App")
    page = add(operator, "grafana", "http://grafana.example.org", name=name)
    assert "use https://" in html.unescape(page.text)
    assert not Client.objects.filter(name=name).exists()


def test_programs_are_found_without_a_script(operator: Operator) -> None:
    found = operator.open(ADD, q="git delivery")
    assert "program/gitlab/" in found.text
    assert "program/grafana/" not in found.text
    assert "No program matches" in operator.open(ADD, q="no such thing").text
    assert "<b>" not in operator.open(ADD, q="<b>").text
    everything = operator.open(ADD).text
    assert all(f"program/{slug}/" in everything for slug in catalogue())


def test_others_are_kept_out(support: Operator, operator: Operator) -> None:
    for path in (GRAFANA, f"{GRAFANA}?base=https://grafana.example.org"):
        assert support.browser.open(f"/admin/{path}").status_code == 403
    for path in (f"{ADD}program/no-such/", f"{ADD}program/no-such/?base=https://a.test"):
        assert operator.browser.open(f"/admin/{path}").status_code == 404
    add(operator, "vault", "https://vault.example.org")
    settings = f"idp/client/{newest('vault').pk}/settings/"
    assert "oidc_client_secret" in support.open(settings).text
    plain = Client.objects.get(client_id=make_client().client_id)
    for path in (f"idp/client/{plain.pk}/settings/", "idp/client/999999999/settings/"):
        assert operator.browser.open(f"/admin/{path}").status_code == 404


def test_it_is_recorded_and_exported(operator: Operator) -> None:
    add(operator, "argo-cd", "https://argocd.example.org")
    client = newest("argo-cd")
    made = [event for event in events_of(operator) if event.client_id == client.client_id]
    assert made[0].details["changes"]["integration"][-1] == "argo-cd"
    entries = json.loads("".join(export(form="json", only={"clients"})))["clients"]
    (entry,) = [entry for entry in entries if entry["client_id"] == client.client_id]
    assert entry["integration"] == "argo-cd"


def test_an_app_that_is_there_gets_the_settings_of_its_program(operator: Operator) -> None:
    client = Client.objects.get(client_id=make_client().client_id)
    operator.save(tab_of(client.client_id, "integration"), integration="pgadmin")
    page = operator.open(f"idp/client/{client.pk}/settings/")
    assert client.client_id in blocks(page)[0]
    assert "https://pgadmin.example.com" not in blocks(page)[0]  # the settings don't have it


def test_a_program_that_there_is_not_is_refused(operator: Operator) -> None:
    entry = {
        "client_id": unique("app"),
        "client_secret": "s" * 40,
        "redirect_uris": ["https://rp.example.com/callback"],
        "integration": "grafanaa",
    }
    with pytest.raises(DeclarationError, match="There is no integration grafanaa"):
        apply({"clients": [entry]}, dry_run=False)
    client = Client.objects.get(client_id=make_client().client_id)
    page = operator.save(tab_of(client.client_id, "integration"), integration="grafanaa")
    assert "grafanaa is not one of the available choices" in html.unescape(page.text)
