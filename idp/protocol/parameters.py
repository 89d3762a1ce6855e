"""Parameters as they arrive: decoded once, strictly, repeats remembered. RFC 6749 §3.1."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from idp.protocol.errors import InvalidRequest
from idp.protocol.rules import upholds

#: More than any sound request has, request objects and long states included.
MAX_PARAMETERS = 100
MAX_CHARACTERS = 64 * 1024
_MAY_REPEAT = frozenset({"resource", "audience"})


@dataclass(frozen=True)
class Parameters:
    """The parameters of one request; an empty value counts as not sent (RFC 6749 §3.1)."""

    values: Mapping[str, str]
    repeated: frozenset[str] = field(default=frozenset())
    #: The values of `resource` (RFC 8707 §2), which may come several times.
    resources: tuple[str, ...] = ()
    #: The values of `audience` (RFC 8693 §2.1), which may, too.
    audiences: tuple[str, ...] = ()

    @classmethod
    @upholds("RFC 6749 §3.1")
    def parse(cls, *parts: str) -> "Parameters":
        """Parse form-encoded `parts` (a query, a body) together.

        Raises InvalidRequest for invalid encoding and excessive size. RFC 6749 §3.1, §B.
        """
        if sum(map(len, parts)) > MAX_CHARACTERS:
            raise InvalidRequest(f"The request is larger than {MAX_CHARACTERS} characters.")
        pairs: list[tuple[str, str]] = []
        for part in filter(None, parts):
            try:
                pairs += parse_qsl(part, errors="strict", max_num_fields=MAX_PARAMETERS)
            except UnicodeDecodeError:
                message = "The parameters cannot be read; they have to be percent-encoded UTF-8."
                raise InvalidRequest(message) from None
            except ValueError:
                message = f"The request has more than {MAX_PARAMETERS} parameters."
                raise InvalidRequest(message) from None
        resources, audiences = [], []
        for name, value in pairs:
            if "\0" in name or "\0" in value:
                raise InvalidRequest("A parameter contains a null character.")
            if name == "resource":
                resources.append(value)
            elif name == "audience":
                audiences.append(value)
        values = dict(pairs)
        if len(values) == len(pairs):
            repeated = frozenset[str]()
        else:
            counted = Counter(name for name, _ in pairs)
            repeated = frozenset(name for name in values if counted[name] > 1) - _MAY_REPEAT
        return cls(values, repeated, tuple(resources), tuple(audiences))

    def get(self, name: str) -> str | None:
        """Return the value of a parameter that came once, else None."""
        return None if name in self.repeated else self.values.get(name)

    @upholds("RFC 6749 §5.2")
    def require(self, name: str) -> str:
        """Return the value of a parameter, or raise InvalidRequest naming it. RFC 6749 §5.2."""
        self.refuse_repeats()
        value = self.values.get(name)
        if value is None:
            raise InvalidRequest(f"The parameter {name} is missing.")
        return value

    @upholds("RFC 6749 §3.1")
    def refuse_repeats(self) -> None:
        """Raise InvalidRequest if a parameter came twice (RFC 6749 §3.1)."""
        if self.repeated:
            names = ", ".join(sorted(self.repeated))
            raise InvalidRequest(f"Each parameter may be sent once; sent more often: {names}.")
