"""Files that operators want imported, kept sealed while their changes are looked at."""

import json
import secrets
from dataclasses import asdict, dataclass
from typing import Any

from cryptography.fernet import InvalidToken
from django.core.cache import cache

from accounts.models import User
from idp import server_keys
from idp.declaration import Caller, Change, apply
from idp.declaration.file import parsed

#: Seconds for which a file can be looked at, and agreed to.
KEPT_FOR = 3600
#: Things that one file may have, and change: a browser waits for it.
MOST = 500
#: Passwords that one file may have: each is hashed, and the request takes a thread for as long.
MOST_PASSWORDS = 20
_PURPOSE = "proposed import"


@dataclass(frozen=True)
class Import:
    """A file, and how it is to be applied."""

    text: str
    prune: bool
    leave_out: bool

    def apply(self, caller: Caller, *, dry_run: bool) -> list[Change]:
        """Apply it, or see what it would do. Raises DeclarationError."""
        declaration = parsed(self.text, "This")
        return apply(
            declaration,
            dry_run=dry_run,
            prune=self.prune,
            leave_out=self.leave_out,
            caller=caller,
        )


def keep(operator: User, proposed: Import) -> str:
    """Keep an import, secrets and all, and return the name that this operator finds it by."""
    name = secrets.token_urlsafe(16)
    sealed = server_keys.seal(json.dumps(asdict(proposed)).encode(), _PURPOSE)
    cache.set(_key(operator, name), sealed, KEPT_FOR)
    return name


def find(operator: User, name: str) -> Import | None:
    """Return an operator's import, or None where it is over."""
    sealed = cache.get(_key(operator, name))
    try:
        kept: dict[str, Any] | None = (
            json.loads(server_keys.unseal(sealed, _PURPOSE)) if sealed else None
        )
    except InvalidToken:  # the server's key has changed
        return None
    return Import(**kept) if kept else None


def forget(operator: User, name: str) -> None:
    """Forget an import that was applied."""
    cache.delete(_key(operator, name))


def _key(operator: User, name: str) -> str:
    return f"proposal:{operator.pk}:{name}"
