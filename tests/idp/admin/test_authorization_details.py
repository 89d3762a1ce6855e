"""Operators register types of authorization details on pages, and see what users agreed to."""

import json

import pytest

from idp.declaration import DeclarationError, apply
from idp.models import AuthorizationDetailsType, Client, Consent, Grant
from tests.detailing import SCHEMA, SENTENCE, payment, text
from tests.idp.admin.conftest import Operator, events_of, tab_of
from tests.relying_party import Browser, RelyingParty, make_client, make_user, unique


def test_a_type_is_registered_used_and_kept(operator: Operator, browser: Browser) -> None:
    name, client, user = unique("payment"), make_client(), make_user()
    fields = {
        "type": name,
        "label": "Payment",
        "labels": "de = Zahlung",
        "sentence": SENTENCE,
        "sentences": "de = Zahle an {payee}",
        "schema": json.dumps(SCHEMA),
    }
    add = "idp/authorizationdetailstype/add/"
    wrong = operator.save(add, **{**fields, "schema": '{"properties": {"a": {"$ref": "#"}}}'})
    assert "its own definitions only" in wrong.text
    for unread in ("[" * 5000, "9" * 5000, '{"properties": {}, "x": NaN}', '{"x": 1e999}'):
        assert "errorlist" in operator.save(add, **{**fields, "schema": unread}).text
    assert "errorlist" not in operator.save(add, **fields).text
    row = AuthorizationDetailsType.objects.get(type=name)
    assert (row.schema, row.sentences) == (SCHEMA, {"de": "Zahle an {payee}"})
    tab = tab_of(client.client_id, "authorization_details_types")
    assert "errorlist" not in operator.save(tab, authorization_details_types=[name]).text
    stored = Client.objects.get(client_id=client.client_id)
    assert stored.authorization_details_types == [name]
    # An app may use it, so it is not deleted.
    change = f"idp/authorizationdetailstype/{row.pk}"
    assert client.metadata["client_name"] in operator.open(f"{change}/change/").text
    assert operator.browser.open(f"/admin/{change}/delete/").status_code == 403
    with pytest.raises(DeclarationError, match=f"client {client.client_id}"):
        apply({"authorization_details_types": []}, dry_run=True, prune=True)
    # What users agree to is in words on the pages of their consents and grants.
    RelyingParty(client, browser, user).authorize(authorization_details=text(payment(name)))
    for model in (Consent, Grant):
        key = model.objects.get(client=stored).pk
        page = operator.open(f"idp/{model.__name__.lower()}/{key}/change/").text
        assert "Pay 12.50 EUR to Bakery (Payment)" in page
    # A test sign-in can ask for them; so a typing error is seen there.
    begin = f"idp/client/{stored.pk}/test-sign-in/"
    said = operator.save(begin, authorization_details="[{}]").text
    assert "invalid_authorization_details" in said
    asked = operator.save(begin, authorization_details=text(payment(name, "7.00")))
    assert "Pay 7.00 EUR to Bakery" in asked.text
    assert "7.00" in operator.browser.submit(asked, "allow").text
    operator.save(tab, authorization_details_types=[])
    assert operator.open(f"{change}/delete/").status_code == 200
    # Saved without a change, it is the same.
    before = len(events_of(operator))
    operator.save(f"{change}/change/")
    assert len(events_of(operator)) == before
