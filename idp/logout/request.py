"""The logout request as a value, and whether it may be obeyed without a question.

OIDC RP-Initiated Logout §2.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from accounts.models import User
from idp.models import Client, ClientSession
from idp.protocol.errors import InvalidRequest, UnknownClient, UnregisteredRedirectUri
from idp.protocol.rules import upholds
from idp.subjects import subject_of
from idp.tokens.id_token import Hint, hint_is_readable, read_hint


@dataclass(frozen=True)
class LogoutRequest:
    """A logout request: client, hinted session, redirect URI. Only `parse` makes one."""

    client: Client | None
    hint: Hint | None
    post_logout_redirect_uri: str | None
    state: str | None

    @classmethod
    @upholds("OIDC RP-Initiated Logout §2")
    def parse(cls, parameters: Mapping[str, str]) -> "LogoutRequest":
        """Parse and check the parameters.

        Raises InvalidRequest for a hint that we did not issue, a client that is unknown or not the
        hint's, and a redirect URI that isn't registered for it, or comes without a client.
        """
        hint = _hint(parameters.get("id_token_hint"))
        client_id = parameters.get("client_id")
        if hint is not None and client_id not in {None, hint.client_id}:
            raise InvalidRequest("The client_id is another than the id_token_hint was issued to.")
        client = _client(hint.client_id if hint else client_id)
        uri = parameters.get("post_logout_redirect_uri")
        if uri is not None:
            _redirect_uri_is_registered(uri, client)
        return cls(client, hint, uri, parameters.get("state"))

    def is_by(self, user: User, session_id: str) -> bool:
        """Whether the hint is of this very session, so that no question is needed."""
        if self.hint is None or self.client is None:
            return False
        if self.hint.sub != subject_of(self.client, user):
            return False
        return ClientSession.objects.filter(sid=self.hint.sid, session_id=session_id).exists()


def client_id_of(parameters: Mapping[str, str]) -> str | None:
    """Return the client_id that the request names, even if it is invalid."""
    hint = read_hint(parameters.get("id_token_hint", ""))
    return hint.client_id if hint else parameters.get("client_id")


@upholds("OIDC RP-Initiated Logout §3")
def _redirect_uri_is_registered(uri: str, client: Client | None) -> None:
    """OIDC RP-Initiated Logout §3: the address is registered, so this is no open redirect."""
    if client is None:
        raise InvalidRequest(
            "The post_logout_redirect_uri came without an id_token_hint or a client_id, "
            "which would say whose it is."
        )
    if not client.post_logout_redirect_uri_allowed(uri):
        raise UnregisteredRedirectUri("post_logout_redirect_uri", uri)


@upholds("OIDC RP-Initiated Logout §2")
def _hint(id_token_hint: str | None) -> Hint | None:
    if id_token_hint is None:
        return None
    hint_is_readable(id_token_hint)
    hint = read_hint(id_token_hint)
    if hint is None:
        raise InvalidRequest("The id_token_hint is not an ID token that was issued here.")
    return hint


@upholds("OIDC RP-Initiated Logout §2")
def _client(client_id: str | None) -> Client | None:
    if client_id is None:
        return None
    client: Client | None = Client.objects.filter(client_id=client_id).first()
    if client is None:
        raise UnknownClient(f"No client has the client_id {client_id}.")
    if not client.enabled:
        raise UnknownClient(f"The client {client_id} has been disabled by the operator.")
    return client
