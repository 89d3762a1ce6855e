"""Which passwords a user may choose. NIST SP 800-63B-4 §3.1.1.2, ASVS 6.2.

The length is checked first, then the number of guesses for an attacker who tries common passwords
and words, repetitions, sequences, rows of keys, and known data of the user, the app and this
service.
"""

import re
import threading
import unicodedata
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from zxcvbn import zxcvbn

from accounts.hashing import normalised
from accounts.models import User

#: The hint for users who choose a password.
HELP = gettext_lazy(
    "At least 15 characters. A few words that only you would put together work well."
)
SHORTEST, LONGEST = 15, 1000
#: Guesses that a password has to withstand, as a power of ten.
_ENOUGH = 10
#: Characters that are judged at once: with more, zxcvbn may take seconds.
_WINDOW = 24
#: Minimum length of a word of the user's own, and of a repetition.
_SHORTEST_WORD = 3
_QUOTED = 30
_CONTROL_CHARACTERS = {"Cc", "Cs"}
#: zxcvbn writes to a table that all threads share.
_one_at_a_time = threading.Lock()

#: Messages by zxcvbn's pattern; `part` is the part of the password that is easy to guess.
_REASONS: dict[str, Promise] = {
    "repeat": gettext_lazy("it repeats “%(part)s”"),
    "sequence": gettext_lazy("“%(part)s” is a sequence"),
    "spatial": gettext_lazy("“%(part)s” is a row of keys"),
    "date": gettext_lazy("“%(part)s” is a date"),
    "regex": gettext_lazy("“%(part)s” is a year"),
    "dictionary": gettext_lazy("“%(part)s” is a common word"),
    "passwords": gettext_lazy("“%(part)s” is a common password"),
    "user_inputs": gettext_lazy("“%(part)s” is about you, the app or this site"),
}


class PasswordRules:
    """Django's password validator (settings, AUTH_PASSWORD_VALIDATORS)."""

    def validate(self, password: str, user: User | None = None, *, app_name: str = "") -> None:
        """Raise ValidationError for a password that may not be chosen.

        `app_name` is the name of the client that the user is signing in to.
        """
        refuse_unusable(password)
        # Some characters become many when they are normalised, which makes no password longer.
        shortest = min(normalised(password), password, key=len)
        if len(shortest) < SHORTEST:
            raise ValidationError(
                ngettext(
                    "This password is too short. Use at least %(number)d character.",
                    "This password is too short. Use at least %(number)d characters.",
                    SHORTEST,
                ),
                code="password_too_short",
                params={"number": SHORTEST},
            )
        words = [*_words_of_service(), *_words_of(user), *_parts(app_name)]
        _refuse_easy(normalised(password), words)

    def get_help_text(self) -> Promise:
        """Return the hint for users who choose a password."""
        return HELP


def refuse_unusable(password: str) -> None:
    """Raise ValidationError for a password with characters that can't be typed or submitted."""
    if len(password) > LONGEST:
        raise ValidationError(
            ngettext(
                "This password is too long. Use at most %(number)d character.",
                "This password is too long. Use at most %(number)d characters.",
                LONGEST,
            ),
            code="password_too_long",
            params={"number": LONGEST},
        )
    if any(unicodedata.category(character) in _CONTROL_CHARACTERS for character in password):
        raise ValidationError(
            _("A password has no tabs, line breaks or other control characters."),
            code="password_with_control_characters",
        )


def _refuse_easy(password: str, words: list[str]) -> None:
    """Raise ValidationError, which names the longest part that is easy to guess."""
    rest, known = _without_words(password, words)
    rest, repeated = _without_repetitions(rest)
    judged = [_judged(window) for window in dict.fromkeys((rest[:_WINDOW], rest[-_WINDOW:]))]
    if any(guesses >= _ENOUGH for guesses, _easy in judged):
        return
    easy = [("repeat", _unit(repeated)), ("user_inputs", known), *judged[0][1]]
    kind, part = max(easy, key=lambda found: len(repeated if found[0] == "repeat" else found[1]))
    quoted = part.strip()
    raise ValidationError(
        _sentence(kind if quoted else ""),
        code="password_too_easy",
        params={"part": quoted if len(quoted) <= _QUOTED else f"{quoted[:_QUOTED]}…"},
    )


def _sentence(kind: str) -> str:
    if not kind:
        return _(
            "This password is too easy to guess. Add a few words that have nothing to do with each "
            "other."
        )
    return _(
        "This password is too easy to guess: %(reason)s. Add a few words that have nothing to do "
        "with it."
    ) % {"reason": _REASONS[kind]}


def _judged(password: str) -> tuple[float, list[tuple[str, str]]]:
    """Return zxcvbn's number of guesses, as a power of ten, and the patterns that it found."""
    if not password:
        return 0, []
    with _one_at_a_time:
        judged = zxcvbn(password)
    return float(judged["guesses_log10"]), [
        (_kind(match), match["token"])
        for match in judged["sequence"]
        if match["pattern"] != "bruteforce"
    ]


def _kind(match: dict[str, Any]) -> str:
    kind: str = match.get("dictionary_name", "")
    return kind if kind in _REASONS else str(match["pattern"])


def _without_words(password: str, words: list[str]) -> tuple[str, str]:
    """Return a password without these words, and the longest word removed."""
    known = {word for word in words if len(word) >= _SHORTEST_WORD}
    in_order = sorted(known, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, in_order)), re.IGNORECASE)
    return pattern.sub("", password), max(pattern.findall(password), key=len, default="")


def _without_repetitions(password: str) -> tuple[str, str]:
    """Return a password without its repetitions, and the longest repetition removed.

    zxcvbn sees adjacent repetitions only.
    """
    folded = password.lower()
    if len(folded) != len(password):
        folded = password
    rest, longest, at = "", "", 0
    while at < len(password):
        end = at
        while end < len(password) and folded.find(folded[at : end + 1], 0, end) >= 0:
            end += 1
        if end - at < _SHORTEST_WORD:
            end = at + 1
            rest += password[at]
        else:
            longest = max(longest, password[at:end], key=len)
        at = end
    return rest, longest


def _unit(repeated: str) -> str:
    """Return `abc` of `abcabcabc`."""
    return re.sub(r"\A(.+?)\1+\Z", r"\1", repeated, flags=re.DOTALL)


def _words_of_service() -> Iterator[str]:
    yield "signet"
    yield from _parts(urlsplit(settings.IDP_ISSUER).hostname or "")


def _words_of(user: User | None) -> Iterator[str]:
    if user is None:
        return
    yield from _parts(user.email)
    names = ("name", "given_name", "family_name", "middle_name", "nickname", "preferred_username")
    for name in (*names, "birthdate", "phone_number"):
        yield from _parts(getattr(user, name))


def _parts(text: str) -> Iterator[str]:
    """Yield a name or an address, its parts, and its parts as one word."""
    text = normalised(text)
    parts = re.findall(r"\w+", text)
    yield from filter(None, dict.fromkeys((text, "".join(parts), *parts)))
