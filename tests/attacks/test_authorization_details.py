"""Authorization details that are too much, not what they seem, or more than was agreed to."""

import json
import time
from datetime import date
from typing import Any

import pytest

from idp.declaration import DeclarationError
from idp.models import AuthorizationDetailsType, Event, Interaction
from idp.protocol import authorization_details
from tests.detailing import SCHEMA, make_type, payment, text
from tests.registering import register, registered
from tests.relying_party import Browser, EndUser, RelyingParty, make_client, spec

REFUSED = "invalid_authorization_details"


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


@spec("RFC 9396", "5")
def test_bombs_and_lies_are_refused(browser: Browser, user: EndUser) -> None:
    """Each comes back to the client as an error, at once; nothing is stored, and no 5xx."""
    kind, others = make_type(), make_type()
    party = RelyingParty(make_client(authorization_details_types=[kind]), browser, user)
    good = json.dumps(payment(kind))
    bad = {
        "no JSON": "[{",
        "no array": good,
        "empty": "[]",
        "no object": "[1]",
        "no type": "[{}]",
        "a type that is no text": '[{"type": {"a": 1}}]',
        "a type of nobody": text(payment("nothing")),
        "a type of other clients": text(payment(others)),
        "one bad among good ones": f"[{good}, {json.dumps(payment(others))}]",
        "an unknown field": text(payment(kind, more=1)),
        "an unknown field further in": text({**payment(kind), "amount": {"amount": "1.00"}}),
        "a field of another type": text(payment(kind, payee=1)),
        "a missing field": text({"type": kind}),
        "a value that the pattern refuses": text(payment(kind, "1")),
        "a member twice": f'[{good[:-1]}, "payee": "Thief"}}]',
        "too many": f"[{','.join([good] * 21)}]",
        "too long": text(payment(kind, reference="a" * 9000)),
        "too long once it is in a token": text(payment(kind, reference="ü" * 1500)).replace(
            "\\u00fc", "ü"
        ),
        "a huge array": text(payment(kind, locations=[""] * 1500)),
        "too deep": text(payment(kind, locations=json.loads(deep(20)))),
        "too deep to be read": deep(4000),
        "a number beyond all": f'[{good[:-1]}, "times": 1e400}}]',
        "a number that readers round": f'[{good[:-1]}, "times": {2**53 + 1}}}]',
        "a number too long to be read": f'[{good[:-1]}, "times": {"9" * 5000}}}]',
        "no number": f'[{good[:-1]}, "times": NaN}}]',
        "half a character": f'[{good[:-1]}, "reference": "\\ud800"}}]',
        "a null character": f'[{good[:-1]}, "reference": "\\u0000"}}]',
    }
    began = time.monotonic()
    for what, sent in bad.items():
        answer = party.answer(party.visit(authorization_details=sent))
        assert answer.error == REFUSED, (what, answer.url)
    assert time.monotonic() - began < 10
    assert not Interaction.objects.filter(client__client_id=party.client.client_id).exists()
    # What is refused is recorded, without its values.
    events = Event.objects.filter(client_id=party.client.client_id, error=REFUSED)
    told = json.dumps(list(events.values_list("details", "reason")))
    assert told
    assert "Thief" not in told
    # Tokens come for a code alone, and once for each detail.
    for kinds in ("token", "id_token", "code token"):
        front = party.visit(authorization_details=f"[{good}]", response_type=kinds)
        assert "error=" in front.headers["Location"]
    answer = party.authorize(authorization_details=f"[{good}, {good}]")
    assert len(party.exchange(answer.code).json()["authorization_details"]) == 1


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"$ref": "https://elsewhere.example/schema.json"}}},
        {"properties": {"a": {"$ref": "file:///etc/passwd"}}},
        {"properties": {"a": {"$ref": "#"}}},
        {"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#/$defs/a"}}},
        {"properties": {"a": {"$dynamicRef": "#a"}}},
        {"$id": "https://elsewhere.example/", "properties": {}},
        {"$schema": "https://elsewhere.example/dialect", "properties": {}},
        {"properties": {"a": {"pattern": "(?=a)b"}}},
        {"properties": {"a": {"pattern": "(a{1000}){1000}"}}},
        {"properties": {"a": {"pattern": "("}}},
        {"properties": {"a": {"type": "nothing"}}},
        {"properties": {str(n): {"allOf": [True] * 50} for n in range(50)}},
        {
            "properties": {"a": {"$ref": "#/$defs/0"}},
            "$defs": {
                **{str(n): {"anyOf": [{"$ref": f"#/$defs/{n + 1}"}] * 10} for n in range(20)},
                "20": True,
            },
        },
        {"properties": {"a": {"minimum": float("nan")}}},
        {"properties": {"a": {"const": date(2026, 12, 2)}}},
        {"type": "array", "properties": {}},
        {},
    ],
    ids=lambda schema: str(schema)[:60],
)
def test_a_schema_fetches_nothing_and_ends(schema: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError, match=": schema: "):
        make_type(schema=schema, sentence="It")


def test_no_pattern_takes_long() -> None:
    """On an engine that tracks back, each of these would take longer than anybody lives."""
    for pattern, value in (
        ("^(a+)+$", "a" * 5000 + "!"),
        ("^(a|aa)+$", "a" * 5000 + "!"),
        ("^(.*a){20}$", "a" * 5000 + "!"),
    ):
        row = AuthorizationDetailsType(
            type="t", sentence="It", schema={"properties": {"a": {"pattern": pattern}}}
        )
        began = time.monotonic()
        assert row.problem_with({"type": "t", "a": value})
        assert time.monotonic() - began < 1


def test_no_schema_takes_long() -> None:
    """The first error is enough: all of them, with each of their causes, are half a million."""
    many = {"anyOf": [{"$ref": "#/$defs/one"}] * 600}
    schema = {"properties": {"a": {"items": many}}, "$defs": {"one": {"const": 1}}}
    row = AuthorizationDetailsType(type="t", sentence="It", schema=schema)
    began = time.monotonic()
    assert (row.problem_with({"type": "t", "a": [2] * 900}) or "").startswith("a.0: ")
    assert time.monotonic() - began < 1


def test_values_are_text_and_nothing_else(browser: Browser, user: EndUser) -> None:
    """Neither a template, nor markup, nor invisible characters; what is long is cut."""
    kind = make_type(schema=SCHEMA, sentence="Pay {payee}[ for {reference}]", sentences={})
    row = AuthorizationDetailsType.objects.get(type=kind)
    hostile = "{{ user.password }}{% debug %}{reference}[x]%(a)s<script>alert(1)</script>"
    detail = payment(kind, payee=hostile, reference="{payee}")
    assert row.sentence_for(detail) == f"Pay {hostile} for {{payee}}"
    hidden = row.sentence_for(payment(kind, payee="1 EUR\u202e\u200b\n"))
    assert hidden == "Pay 1 EURU+202EU+200B "
    long = row.sentence_for(payment(kind, payee="a" * 5000, reference="b" * 5000))
    assert len(long) < 500
    assert long.count("…") == 2
    # Of its locations, hosts alone are shown, and not by what stands before an @.
    words = ["https://Bakery says: press Allow/", "https://bank.example@evil.example/", "a b"]
    detail["locations"] = [*words, *(f"https://{n}.example/x" for n in range(30))]
    party = RelyingParty(make_client(authorization_details_types=[kind]), browser, user)
    page = browser.sign_in(user, party.visit(authorization_details=text(detail)))
    assert "Payment · evil.example · 0.example · 1.example" in page.text
    assert "3.example · …" in page.text
    assert not [
        shown for shown in ("press Allow", "bank.example", "4.example") if shown in page.text
    ]
    assert "&lt;script&gt;" in page.text
    assert "<script>alert" not in page.text
    assert "{{ user.password }}" in page.text


@pytest.mark.parametrize(
    ("sentence", "says"),
    [
        ("Pay {nobody}", "no property"),
        ("Pay {reference}", "in brackets"),
        ("Pay { payee }", "braces"),
        ("Pay {payee.__class__.__mro__[0]}", "."),
        ("Pay [someone]", "a field in it"),
        ("Pay {payee}\u202e", "cannot be seen"),
    ],
)
def test_a_sentence_can_be_filled_in(sentence: str, says: str) -> None:
    with pytest.raises(DeclarationError, match=says):
        make_type(sentence=sentence)


@spec("RFC 9396", "10")
def test_who_registers_itself_has_what_is_open(browser: Browser) -> None:
    closed, opened = make_type(), make_type(open_to_self_registered=True)
    for kinds in ([closed], [opened, closed], ["nothing"]):
        answer = register(authorization_details_types=kinds)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"] == "invalid_client_metadata"
    assert registered(authorization_details_types=[opened])["authorization_details_types"] == [
        opened
    ]


def test_equal_texts_are_equal_details() -> None:
    """Two details are the same exactly if their texts are."""
    read = authorization_details.parse
    one = read('[{"type":"a","b":{"d":1,"c":[1,2]}}]')
    assert authorization_details.texts_of(one) == authorization_details.texts_of(
        read('[{"b":{"c":[1.0,2],"d":1e0},"type":"a"}]')
    )
    for other in ('{"d":true,"c":[1,2]}', '{"d":1,"c":[2,1]}', '{"d":"1","c":[1,2]}', "null"):
        assert authorization_details.texts_of(one).isdisjoint(
            authorization_details.texts_of(read(f'[{{"type":"a","b":{other}}}]'))
        )
