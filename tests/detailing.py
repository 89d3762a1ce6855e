"""Register types of authorization details, and write details of them. RFC 9396."""

import json
from typing import Any

from tests.relying_party import no_event, unique

#: A payment, as operators would describe it.
SCHEMA = {
    "$defs": {
        "amount": {
            "type": "object",
            "properties": {
                "amount": {"type": "string", "pattern": r"^[0-9]{1,9}\.[0-9]{2}$"},
                "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
            },
            "required": ["amount", "currency"],
            "additionalProperties": False,
        }
    },
    "properties": {
        "amount": {"$ref": "#/$defs/amount"},
        "payee": {"type": "string", "minLength": 1, "maxLength": 200},
        "reference": {"type": "string", "maxLength": 2000},
        "urgent": {"type": "boolean"},
        "times": {"type": "number"},
        "locations": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["amount", "payee"],
}
SENTENCE = "Pay {amount.amount} {amount.currency} to {payee}[ for {reference}]"


def make_type(**members: Any) -> str:
    """Register a type, as an operator's `apply` would, and return its name."""
    from idp.declaration import Actor, apply

    entry = {
        "type": unique("payment"),
        "label": "Payment",
        "labels": {"de": "Zahlung"},
        "sentence": SENTENCE,
        "sentences": {"de": "Zahle {amount.amount} {amount.currency} an {payee}"},
        "schema": SCHEMA,
        **members,
    }
    apply({"authorization_details_types": [entry]}, dry_run=False, actor=Actor(no_event))
    return str(entry["type"])


def payment(kind: str, amount: str = "12.50", **members: Any) -> dict[str, Any]:
    """Return a detail of this type."""
    money = {"amount": amount, "currency": "EUR"}
    return {"type": kind, "amount": money, "payee": "Bakery", **members}


def text(*details: Any) -> str:
    """Return details as the parameter has them."""
    return json.dumps(details)
