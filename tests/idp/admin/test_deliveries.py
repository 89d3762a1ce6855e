"""Operators see who was told of a sign-out, and which email was not sent, and try again."""

from collections.abc import Callable
from datetime import timedelta

from django.core.mail import EmailMultiAlternatives
from django.core.management import call_command
from django.utils import timezone

from foundation import mail
from foundation.models import Mail
from idp.models import Client, Delivery
from tests.elsewhere import Elsewhere, answering
from tests.idp.admin.conftest import Operator, events_of
from tests.relying_party import make_client, unique, verified, was_mailed


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


def given_up(email: str, subject: str = "314159 is your code") -> Mail:
    """Return an email that the mail server refused."""
    message = EmailMultiAlternatives(subject, subject, "us@example.com", [email])
    mail.write(message, "account/email/password_reset_code")
    row = Mail.objects.get(recipient=email)
    Mail.objects.filter(pk=row.pk).update(
        state=Mail.State.FAILED,
        attempts=8,
        done_at=timezone.now(),
        due_at=timezone.now() + timedelta(hours=1),
        last_problem="The mail server refused the recipient (451).",
    )
    return row


def test_email_that_was_not_sent_is_listed_without_its_words(operator: Operator) -> None:
    email = f"{unique('to')}@example.com"
    row = given_up(email)
    listed = operator.open("foundation/mail/", q=email.upper())
    page = operator.open(f"foundation/mail/{row.pk}/change/")
    for shown in (listed, page):
        assert email in shown.text
        assert "password_reset_code" in shown.text
        assert "refused the recipient (451)" in shown.text
        assert "314159" not in shown.text
        assert Mail.objects.get(pk=row.pk).sealed not in shown.text
    assert email not in operator.open("foundation/mail/", q="somebody@example.com").text
    assert 'href="/admin/foundation/mail/"' in operator.open("idp/delivery/").text


def test_email_is_tried_again(operator: Operator) -> None:
    email = f"{unique('to')}@example.com"
    row = given_up(email, "Hello again")
    operator.run_action(f"foundation/mail/{row.pk}/change/", "again")
    assert was_mailed(email, "Hello again")
    [event] = events_of(operator)
    assert (event.kind, event.target) == ("admin-action", f"email {row.pk}")


def test_email_is_discarded(operator: Operator) -> None:
    email = f"{unique('to')}@example.com"
    row = given_up(email)
    page = operator.run_action(f"foundation/mail/{row.pk}/change/", "discard")
    assert page.url.path == "/admin/foundation/mail/"
    assert not Mail.objects.filter(pk=row.pk).exists()
    [event] = events_of(operator)
    assert event.reason == "Discard"


def test_what_is_only_pretended_is_not_listed(operator: Operator) -> None:
    row = given_up(f"{unique('to')}@example.com")
    Mail.objects.filter(pk=row.pk).update(recipient="", template="pretended")
    assert "pretended" not in operator.open("foundation/mail/").text


def test_support_may_look_and_nothing_more(hire: Callable[..., Operator]) -> None:
    helper = hire(groups=["support"])
    row = given_up(f"{unique('to')}@example.com")
    page = helper.open(f"foundation/mail/{row.pk}/change/")
    assert "data-action" not in page.text
    answer = helper.browser.open(f"/admin/foundation/mail/{row.pk}/action/discard/")
    assert answer.status_code == 403
