"""Names of claims that an operator adds. OIDC Core §5.1.2."""

import re

from idp.protocol.vocabulary import PEOPLES_CLAIMS, PROTOCOL_CLAIMS

_CLAIM = re.compile(r"[A-Za-z][A-Za-z0-9_.:/-]{0,99}")


def problem_with_claim(name: object) -> str | None:
    """Return why an operator's claim can't have this name, as a sentence, or None."""
    if not isinstance(name, str) or _CLAIM.fullmatch(name) is None:
        return f"This is not a claim's name: {name!r}."
    if name in PROTOCOL_CLAIMS or name in PEOPLES_CLAIMS:
        return f"This claim means something else already: {name}."
    return None
