"""What can go wrong, as a sentence for the user and an exit code for scripts."""

from typing import ClassVar


class Problem(Exception):
    """The command did not succeed. Its text is a sentence for the user."""

    exit_code: ClassVar[int] = 1


class NotSignedInError(Problem):
    """There is no usable login: the user has to sign in, which no retry replaces."""

    exit_code = 3


class UnreachableError(Problem):
    """The issuer did not answer, or not now: the same command may succeed later."""

    exit_code = 4


class RefusedError(Problem):
    """The issuer refused a request. RFC 6749 §5.2."""

    def __init__(self, issuer: str, error: str, description: str | None) -> None:
        self.error = error
        super().__init__(refusal(issuer, error, description))


def refusal(issuer: str, error: str, description: str | None) -> str:
    """Return a sentence about an error of the issuer's, which chose the words."""
    said = printable(description or "").rstrip(".")
    code = printable(error)
    return f"{issuer} refused: {said} ({code})." if said else f"{issuer} refused: {code}."


#: More than any sentence of an issuer; the rest is noise, or meant to be.
_LONGEST = 500


def printable(text: object) -> str:
    """Return text of others without control characters, which would command the terminal."""
    kept = "".join(each if each.isprintable() else " " for each in str(text)[:_LONGEST])
    return " ".join(kept.split())
