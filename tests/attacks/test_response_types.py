"""Whatever is asked of the authorization endpoint: no 5xx, and never a token in a query.

OAuth 2.0 Multiple Response Type Encoding Practices §3.0.
"""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idp.jose.verify import unverified_claims
from tests import secrecy
from tests.relying_party import Browser, EndUser, RelyingParty, forms_of, make_client

KINDS = ["code", "id_token", "token"]
words = st.text(st.characters(blacklist_categories=["Cs"]), max_size=30)
response_types = st.one_of(
    st.lists(st.sampled_from(KINDS), max_size=4).map(" ".join),
    st.sampled_from(["none", "CODE", "id_token  token", "code\ttoken", " token"]),
    words,
)
modes = st.one_of(
    st.none(),
    st.sampled_from(["query", "fragment", "form_post", "web_message"]),
    st.sampled_from(["query.jwt", "fragment.jwt", "form_post.jwt", "jwt"]),
    words,
)


@pytest.fixture
def app(browser: Browser, user: EndUser) -> RelyingParty:
    client = make_client(
        grant_types=["authorization_code", "implicit"],
        response_types=["code", *map(" ".join, [KINDS[:2], KINDS[1:], KINDS]), *KINDS[1:]],
    )
    app = RelyingParty(client, browser, user)
    app.authorize()
    return app


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    response_type=response_types,
    response_mode=modes,
    nonce=st.none() | words,
    state=st.none() | words,
)
def test_no_token_in_a_query(
    app: RelyingParty,
    response_type: str,
    response_mode: str | None,
    nonce: str | None,
    state: str | None,
) -> None:
    answer = app.visit(
        response_type=response_type, response_mode=response_mode, nonce=nonce, state=state
    )
    assert answer.status_code < 500
    if not answer.is_redirect:
        for form in forms_of(answer):
            secrecy.used.note_members(form.fields)
        return
    address = urlsplit(answer.headers["Location"])
    secrecy.used.note_address(answer.headers["Location"])
    secrecy.used.note_address(f"https://rp.example.com/?{address.fragment}")
    members = parse_qs(address.query or address.fragment, keep_blank_values=True)
    if "response" in members:
        claims = unverified_claims(members["response"][0])
        secrecy.used.note_members(claims)
        members = {name: [value] for name, value in claims.items()}
    if address.query:
        assert not {"access_token", "id_token"} & members.keys()
    assert "iss" in members
    if state:
        assert members.get("state", [state]) == [state]
