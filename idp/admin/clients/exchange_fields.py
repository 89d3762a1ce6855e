"""Form fields for what operators write about token exchange: a line for each API or application."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from idp.admin.fields import Lines

_FROM = " from "
_LISTS = ("scopes", "resources")


class MappedLines(Lines):
    """A mapping: `address: words`, one a line; None where there is no line."""

    def prepare_value(self, value: Any) -> Any:
        """Return the mapping as lines."""
        if isinstance(value, dict):
            lines = ((name, self.words(entry)) for name, entry in value.items())
            value = [f"{name}: {words}" if words else name for name, words in lines]
        return super().prepare_value(value)

    def to_python(self, value: Any) -> Any:
        """Return the mapping. Raises ValidationError for an address that comes twice."""
        entries: dict[str, Any] = {}
        for line in super().to_python(value):
            name, _colon, words = line.partition(": ")
            name = name.strip()
            if name in entries:
                raise ValidationError(_("This is there twice: %(name)s.") % {"name": name})
            parts = [part.strip() for part in words.split(",") if part.strip()]
            entries[name] = self.entry(parts)
        return entries or None

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether an entry differs."""
        try:
            return bool(self.to_python(data) != (initial or None))
        except ValidationError:
            return True

    def words(self, entry: Any) -> str:
        """Return what follows the address."""
        raise NotImplementedError

    def entry(self, parts: list[str]) -> Any:
        """Return the value of the parts between commas."""
        raise NotImplementedError


class TargetLines(MappedLines):
    """APIs, each with scopes there: `https://stock.example.com: stock.read from bread.read`."""

    def words(self, entry: Any) -> str:
        """Return the scopes, each with the one that the exchanged token has to have."""
        pairs = entry.items() if isinstance(entry, dict) else ()
        return ", ".join(to if to == of else f"{to}{_FROM}{of}" for to, of in pairs)

    def entry(self, parts: list[str]) -> Any:
        """Return the mapping of scopes."""
        pairs = (part.partition(_FROM) for part in parts)
        return {to.strip(): (of or to).strip() for to, _from, of in pairs}


class ApplicationLines(MappedLines):
    """Applications: `https://chat.example.com: client_id acme, scopes chat.read, email`."""

    def words(self, entry: Any) -> str:
        """Return the members, each with its name; email has none but that."""
        if not isinstance(entry, dict):
            return ""
        parts = [f"client_id {entry.get('client_id', '')}"]
        parts += [f"{name} {' '.join(entry[name])}" for name in _LISTS if entry.get(name)]
        return ", ".join([*parts, *(["email"] if entry.get("email") else [])])

    def entry(self, parts: list[str]) -> Any:
        """Return the members. A word that is none is refused by the checks of clients."""
        members: dict[str, Any] = {}
        for part in parts:
            name, *values = part.split()
            if name in _LISTS:
                members[name] = values
            else:
                members[name] = " ".join(values) if name == "client_id" else True
        return members
