"""A sign-in of the last minutes, before what is dangerous. ASVS 7.5.3, docs/adr/0002."""

from django.http import HttpRequest

from accounts.second_factor import is_proven
from accounts.views.sign_in_again import sign_in_page


def missing(request: HttpRequest) -> str | None:
    """Return where this operator has to sign in once more, and is led back from, or None.

    None where they did lately, with their second factor if they have one.
    """
    return None if is_proven(request) else sign_in_page(request.get_full_path())
