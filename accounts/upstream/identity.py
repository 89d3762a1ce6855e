"""What an upstream has proved and said about a user, once it was judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from accounts.addresses import cleaned_email
from accounts.upstream.model import Upstream

LONGEST_SUBJECT = 255  # OIDC Core §2


@dataclass(frozen=True)
class Identity:
    """A user of an upstream, as its kind has judged them. Make it of judged answers only."""

    upstream: Upstream
    #: Who it is there: unique there, and never given to another user.
    subject: str
    #: What the upstream says, by the names of OIDC Core §5.1 where they fit (`email`,
    #: `email_verified`, `name`, `given_name`, …), and whatever else it has, such as `groups`.
    claims: Mapping[str, Any] = field(default_factory=dict)
    #: How and when the user has authenticated there, as it says; none if it does not.
    amr: tuple[str, ...] = ()
    acr: str = ""
    authenticated_at: datetime | None = None
    #: The upstream's own session (`sid`); and its ID token, or the NameID of SAML, both to sign out
    #: there.
    session_id: str = ""
    id_token: str = ""

    def __post_init__(self) -> None:
        if not 0 < len(self.subject) <= LONGEST_SUBJECT or not self.subject.isprintable():
            raise ValueError("A subject has 1 to 255 characters that can be seen.")

    @property
    def email(self) -> str:
        """The address that it says the user has, as addresses are stored; empty if none."""
        said = self.claims.get("email")
        if not isinstance(said, str):
            return ""
        try:
            email = cleaned_email(said)
            validate_email(email)
        except ValidationError:
            return ""
        return email

    @property
    def has_verified_email(self) -> bool:
        """Whether the address is proved: it says so, and an operator trusts it in this."""
        says_so = self.claims.get("email_verified") is True
        return bool(self.email and says_so and self.upstream.trusts_email)
