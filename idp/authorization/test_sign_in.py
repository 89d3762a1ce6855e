"""Test sign-ins: an operator or the owner of an app signs in to it, and sees all that it would get.

The request names the app, but is ours: it begins as a row, never as an address, and continues only
in the browser that it began in. The response goes to a page of ours, which other requests cannot
name. docs/adr/0014.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.http import HttpRequest
from django.urls import reverse

from accounts import account_switching
from accounts.models import Session
from foundation import server_keys
from idp import policy
from idp.authorization import interactions
from idp.authorization.request import Arrival
from idp.jose.signatures import base64url
from idp.models import Client, Interaction
from idp.models.grant import unguessable_id
from idp.protocol import response_types
from idp.protocol.authorization_details import PARAMETER
from idp.protocol.errors import InvalidRequest
from idp.protocol.rules import upholds

_VERIFIER = "test sign-in code verifier"
#: URL names of the pages that show what came: the administration's, and the one for apps' owners.
OPERATORS_PAGE: Final = "admin:idp_client_test_sign_in_answer"
OWNERS_PAGE: Final = "own_app_test_sign_in_answer"


@dataclass(frozen=True)
class TestSignIn:
    """A finished test sign-in: the session that began it, and the parameters of its request."""

    session: Session
    parameters: Mapping[str, str]

    @property
    def wanted(self) -> frozenset[str]:
        """The parts of the response type: what comes back."""
        return frozenset(response_types.parts(self.parameters["response_type"]))

    @property
    def code_verifier(self) -> str:
        """The code_verifier of the test sign-in (RFC 7636 §4.1); only we can derive it."""
        return _code_verifier(self.parameters["state"])


def begin(
    client: Client,
    session: Session,
    prompt: str,
    now: datetime,
    page: str = OPERATORS_PAGE,
    details: str = "",
) -> str:
    """Store the request of a test sign-in for a session, and return its id.

    `page` is the URL name of the page that is to receive the response; `details` are authorization
    details (RFC 9396), which are judged as those of any request.
    """
    state = unguessable_id()
    scopes = client.allowed_scopes
    response_type = response_type_of(client)
    row = Interaction.objects.create(
        id=state,
        client=client,
        parameters={
            "client_id": client.client_id,
            "redirect_uri": answer_page(client, page),
            "response_type": response_type,
            "scope": " ".join(sorted(scopes, key=lambda scope: (scope != "openid", scope))),
            "state": state,
            "nonce": secrets.token_urlsafe(32),
            **_returning(response_type, state),
            **({"prompt": prompt} if prompt else {}),
            **({PARAMETER: details} if details else {}),
        },
        arrived_at=now,
        tested_in=session,
    )
    return row.pk


def response_type_of(client: Client) -> str:
    """Return the response type that a test takes: a code if the client gets one, else the most."""
    kinds = {" ".join(response_types.parts(kind)) for kind in client.response_types}
    if not kinds or response_types.CODE in kinds:
        return response_types.CODE
    return max(sorted(kinds), key=len)


def _returning(response_type: str, state: str) -> dict[str, str]:
    """Return the parameters that follow from the response type: PKCE, and how tokens come back.

    Tokens come in a form that the browser posts: a fragment would not reach us.
    """
    members = {}
    if response_types.CODE in response_types.parts(response_type):
        challenge = hashlib.sha256(_code_verifier(state).encode()).digest()
        members = {"code_challenge": base64url(challenge), "code_challenge_method": "S256"}
    if response_types.carries_tokens(response_type):
        members["response_mode"] = response_types.FORM_POST
    return members


def answer_page(client: Client, page: str = OPERATORS_PAGE) -> str:
    """Return the address at which a test sign-in of this client is answered."""
    return policy.ORIGIN + reverse(page, args=[client.pk])


@upholds("RFC 9700 §4.1.3")
def own_page(request: HttpRequest, client: Client, arrival: Arrival) -> str | None:
    """Return our page that receives the response of a test sign-in; None for a client's request.

    Raises InvalidRequest for a test sign-in in another browser than the one that it began in. RFC
    9700 §4.1.3: the address is valid for that one request only.
    """
    if arrival.tested_in is None:
        return None
    if _session_here(request, arrival.tested_in) is None:
        raise InvalidRequest(
            "This is a test sign-in; it goes on only in the browser in which it began, and while "
            "the user who began it is signed in there."
        )
    owners = answer_page(client, OWNERS_PAGE)
    return owners if arrival.parameters.get("redirect_uri") == owners else answer_page(client)


def take(request: HttpRequest, client: Client, state: str) -> TestSignIn | None:
    """Return the test sign-in that an answer with this `state` is for, once; else None.

    It has to be of this client, and have begun in this browser.
    """
    row = interactions.find(state)
    if row is None or row.client_id != client.pk or row.tested_in_id is None:
        return None
    session = _session_here(request, row.tested_in_id)
    if session is None:
        return None
    taken, _ = Interaction.objects.filter(pk=row.pk).delete()
    return TestSignIn(session, row.parameters) if taken else None


def _session_here(request: HttpRequest, session_id: str) -> Session | None:
    here = account_switching.sessions_of(request)
    return next((session for session in here if session.pk == session_id), None)


def _code_verifier(state: str) -> str:
    return server_keys.keyed_hash(state, _VERIFIER)
