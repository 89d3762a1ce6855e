"""Levels of authentication by the names that `acr` has for them, each above the one before.

OIDC Core §2. The last is the registered value of OpenID EAP ACR Values §2.
"""

#: A password, or a code that was mailed.
SINGLE_FACTOR = "urn:signet:acr:single-factor"
#: Two different factors: a code of an app, or a recovery code, after the first.
MULTI_FACTOR = "urn:signet:acr:multi-factor"
#: A passkey with user verification: two factors, resistant to phishing.
PHISHING_RESISTANT = "phr"
LEVELS = (SINGLE_FACTOR, MULTI_FACTOR, PHISHING_RESISTANT)


def reaches(level: str, wanted: str) -> bool:
    """Whether a level is the wanted one or above it. Raises ValueError for a name of none."""
    return LEVELS.index(level) >= LEVELS.index(wanted)


def highest(levels: list[str]) -> str:
    """Return the highest of some levels. Raises ValueError if there are none."""
    return max(levels, key=LEVELS.index)


def lowest(levels: list[str]) -> str:
    """Return the lowest of some levels. Raises ValueError if there are none."""
    return min(levels, key=LEVELS.index)
