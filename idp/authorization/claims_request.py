"""The `claims` parameter as a value. OIDC Core §5.5.

Unknown claims are ignored, and so are claims that none of the client's allowed scopes shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from idp import policy
from idp.claims import scopes_showing
from idp.models import Client
from idp.protocol import json_objects
from idp.protocol.errors import InvalidRequest
from idp.protocol.languages import is_tag, tagged
from idp.protocol.rules import upholds
from idp.protocol.vocabulary import READABLE_CLAIMS

ID_TOKEN, USERINFO = "id_token", "userinfo"
#: Claims whose definitions say what requesting a value means (§5.5.1, §5.5.1.1).
_ASKED_BY_VALUE = frozenset({"sub", "acr"})


@dataclass(frozen=True)
class ClaimRequest:
    """How one claim is asked for; `values` are those of `value` or `values`, the best first."""

    essential: bool = False
    values: tuple[str, ...] = ()

    @classmethod
    @upholds("OIDC Core §5.5")
    def parse(cls, name: str, asked: Any) -> "ClaimRequest":
        """Read the member of one claim: null, or an object. Raises InvalidRequest."""
        if asked is None:
            return cls()
        if not isinstance(asked, dict):
            raise InvalidRequest(f"The claim {name} is asked for with neither null nor an object.")
        essential = asked.get("essential", False)
        if not isinstance(essential, bool):
            raise InvalidRequest(f"The member essential of the claim {name} is not true or false.")
        return cls(essential, _values(name, asked))


@dataclass(frozen=True)
class ClaimsRequest:
    """The claims asked for by name (with a language tag, if it has one), of each place apart."""

    id_token: Mapping[str, ClaimRequest] = field(default_factory=dict)
    userinfo: Mapping[str, ClaimRequest] = field(default_factory=dict)
    #: The allowed scopes of the client that show each claim, by its name without a tag.
    scopes_of: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    @upholds("OIDC Core §5.5")
    def parse(cls, text: str | None) -> "ClaimsRequest":
        """Parse the parameter. Raises InvalidRequest unless it is as in OIDC Core §5.5."""
        if text is None:
            return cls()
        if len(text) > policy.CLAIMS_PARAMETER_AT_MOST:
            raise InvalidRequest(
                f"The parameter claims is longer than {policy.CLAIMS_PARAMETER_AT_MOST} characters."
            )
        members = json_objects.parse(text, "The parameter claims")
        return cls(_place(members, ID_TOKEN), _place(members, USERINFO))

    def offered_to(self, client: Client) -> "ClaimsRequest":
        """Return the part that can be answered to this client; the rest is ignored (§5.5)."""
        names = {tagged(name)[0] for name in (*self.id_token, *self.userinfo)} - _ASKED_BY_VALUE
        scopes_of = scopes_showing(names, client.allowed_scopes) if names else {}
        return replace(
            self,
            id_token=_offered(self.id_token, scopes_of),
            userinfo=_offered(self.userinfo, scopes_of),
            scopes_of=scopes_of,
        )

    def essential_acr_values(self) -> tuple[str, ...]:
        """Return the acr values of which one has to be reached, the best first (§5.5.1.1).

        Empty where `acr` is not essential, or is with no value in particular.
        """
        asked = self.id_token.get("acr", ClaimRequest())
        return asked.values if asked.essential else ()

    def is_about(self, sub: str) -> bool:
        """Whether this is the user that `sub` is asked for by value (§5.5.1), if it is."""
        asked = [place["sub"].values for place in (self.id_token, self.userinfo) if "sub" in place]
        return all(not values or sub in values for values in asked)

    def beyond(self, scopes: frozenset[str]) -> frozenset[str]:
        """Return the claims, without tags, that none of these scopes shows."""
        return frozenset(name for name, shown_by in self.scopes_of.items() if not shown_by & scopes)

    def names(self) -> dict[str, list[str]]:
        """Return the requested claims of each place by name, as they are stamped on the grant."""
        places = {ID_TOKEN: self.id_token, USERINFO: self.userinfo}
        return {
            place: names
            for place, asked in places.items()
            if (names := sorted(set(asked) - _ASKED_BY_VALUE))
        }


@upholds("OIDC Core §5.5")
def _place(members: Mapping[str, Any], place: str) -> dict[str, ClaimRequest]:
    """Parse one place, `userinfo` or `id_token`. OIDC Core §5.5."""
    asked = members.get(place)
    if asked is None:
        return {}
    if not isinstance(asked, dict):
        raise InvalidRequest(f"The member {place} of the parameter claims is not an object.")
    if len(asked) > policy.CLAIMS_ASKED_AT_MOST:
        raise InvalidRequest(
            f"The member {place} of the parameter claims asks for more than "
            f"{policy.CLAIMS_ASKED_AT_MOST} claims."
        )
    return {name: ClaimRequest.parse(name, how) for name, how in asked.items()}


@upholds("OIDC Core §5.5.1")
def _values(name: str, asked: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the requested values of claims whose definition gives them a meaning.

    OIDC Core §5.5.1: for all other claims the value is the user's own, whatever is requested.
    """
    if "value" in asked and "values" in asked:
        raise InvalidRequest(f"The claim {name} is asked for with value and values; send one.")
    values = asked.get("values", [asked["value"]] if "value" in asked else [])
    if not isinstance(values, list):
        raise InvalidRequest(f"The member values of the claim {name} is not a list.")
    if name not in _ASKED_BY_VALUE:
        return ()
    if not all(isinstance(value, str) for value in values):
        raise InvalidRequest(f"The claim {name} is asked for with a value that is not a text.")
    return tuple(values)


def _offered(
    asked: Mapping[str, ClaimRequest], scopes_of: Mapping[str, frozenset[str]]
) -> dict[str, ClaimRequest]:
    return {
        name: how
        for name, how in asked.items()
        if name in _ASKED_BY_VALUE or _is_offered(*tagged(name), scopes_of)
    }


def _is_offered(name: str, tag: str | None, scopes_of: Mapping[str, frozenset[str]]) -> bool:
    """Whether a claim is known, and may be asked for in a language if it is (§5.2)."""
    return name in scopes_of and (tag is None or (name in READABLE_CLAIMS and is_tag(tag)))
