"""Names of claims that an operator adds. OIDC Core §5.1.2."""

import re

from idp.protocol.vocabulary import PROTOCOL_CLAIMS, USER_CLAIMS

#: Marks texts for operators in their own language; the models translate it.
_ = str
_CLAIM = re.compile(r"[A-Za-z][A-Za-z0-9_.:/-]{0,99}")


def problem_with_claim(name: object) -> str | None:
    """Return why an operator's claim can't have this name, as a sentence, or None."""
    if not isinstance(name, str) or _CLAIM.fullmatch(name) is None:
        return _("This is not a claim's name.")
    if name in PROTOCOL_CLAIMS or name in USER_CLAIMS:
        return _("This claim means something else already.")
    return None
