"""Uploaded configuration files, stored encrypted while their import is previewed."""

import json
import secrets
from dataclasses import asdict, dataclass
from typing import Any

from cryptography.fernet import InvalidToken
from django.core.cache import cache

from accounts.models import User
from foundation import server_keys
from idp.declaration import Actor, Change, apply
from idp.declaration.file import parsed

#: Seconds for which an import can be previewed and confirmed.
KEPT_FOR = 3600
#: Entries that one file may have, and change: a browser waits for it.
MOST = 500
#: Passwords that one file may have: each is hashed, and the request takes a thread for as long.
MOST_PASSWORDS = 20
_PURPOSE = "import preview"


@dataclass(frozen=True)
class Import:
    """A file, and how it is to be applied."""

    text: str
    prune: bool
    leave_out: bool

    def apply(self, actor: Actor, *, dry_run: bool) -> list[Change]:
        """Apply the file, or return what it would change. Raises DeclarationError."""
        declaration = parsed(self.text, "This")
        return apply(
            declaration,
            dry_run=dry_run,
            prune=self.prune,
            leave_out=self.leave_out,
            actor=actor,
        )


def keep(operator: User, previewed: Import) -> str:
    """Store an import, secrets included, encrypted, and return its name for this operator."""
    name = secrets.token_urlsafe(16)
    sealed = server_keys.seal(json.dumps(asdict(previewed)).encode(), _PURPOSE)
    cache.set(_key(operator, name), sealed, KEPT_FOR)
    return name


def find(operator: User, name: str) -> Import | None:
    """Return an operator's import, or None if it has expired."""
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
    return f"import-preview:{operator.pk}:{name}"
