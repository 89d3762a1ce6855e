"""The values of a user that claims come from, in one statement."""

from typing import Any

from foundation.statements import one
from idp.protocol.errors import InvalidGrant
from idp.protocol.rules import upholds
from idp.statements.tokens import USER_COLUMNS, user_values

#: Hand-written because every ID token with claims of scopes sends it.
_VALUES = f"""
    SELECT u.sub, COALESCE(e.verified, FALSE), {", ".join(f"u.{name}" for name in USER_COLUMNS)}
    FROM accounts_user u
    LEFT JOIN account_emailaddress e ON e.user_id = u.id AND e.email = u.email
    WHERE u.id = %s
"""


@upholds("RFC 6749 §5.2")
def values_of(user_id: int) -> dict[str, Any]:
    """Return the values of a user for `claims.claims_for`.

    RFC 6749 §5.2: raises InvalidGrant if the user was deleted at this moment.
    """
    row = one(_VALUES, [user_id])
    if row is None:
        raise InvalidGrant("The user was deleted meanwhile.")
    sub, email_verified, *columns = row
    return user_values(user_id, sub, columns, email_verified=bool(email_verified))
