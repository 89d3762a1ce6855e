"""Operators see who was told of a sign-out, try again, and try an app's sign-out out."""

from django.core.management import call_command

from idp.models import Client, Delivery
from tests.elsewhere import Elsewhere, answering
from tests.idp.admin.conftest import Operator, events_of
from tests.relying_party import make_client, unique, verified


def test_an_apps_sign_out_is_tried_out_and_tried_again(
    operator: Operator, foreign_site: Elsewhere
) -> None:
    path = f"/{unique('told')}"
    foreign_site.pages[path] = answering(b"", status=501)
    client_id = make_client(backchannel_logout_uri=foreign_site.address + path).client_id
    client = Client.objects.get(client_id=client_id)
    page = operator.run_action(f"idp/client/{client.pk}/change/", "test-logout")
    delivery = Delivery.objects.get(client=client)
    address = f"idp/delivery/{delivery.pk}/change/"
    assert page.url.path == f"/admin/{address}"
    assert "on its way" in page.text
    call_command("worker", "--once")
    assert "The app answered with the status 501." in operator.open(address).text
    assert "501" in operator.open("idp/delivery/", q=client_id).text
    foreign_site.says(path, b"")
    operator.run_action(address, "again")
    call_command("worker", "--once")
    assert 'data-action="again"' not in operator.open(address).text
    sent = foreign_site.forms(path)
    assert len({verified(form["logout_token"])["jti"] for form in sent}) == 1
    assert [event.kind for event in events_of(operator)] == ["admin-action", "admin-action"]
