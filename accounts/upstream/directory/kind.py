"""The kind `ldap`, in the registry if python-ldap is installed."""

from importlib.util import find_spec

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.next import with_next
from accounts.upstream import journeys, kinds
from accounts.upstream.directory import declared
from accounts.upstream.journeys import Asked
from accounts.upstream.kinds import Finding, Kind
from accounts.upstream.model import Upstream
from accounts.upstream.refusals import UnreachableError

NAME = "ldap"


def register() -> None:
    """Make it known, unless the extra is not installed."""
    if find_spec("ldap") is None:
        return
    kind = Kind(
        name=NAME,
        label=_("LDAP or Active Directory"),
        begin=begin,
        columns=("secret_variable", "secret", "settings"),
        problems=declared.problems,
        try_out=try_out,
    )
    kinds.register(kind)


def begin(request: HttpRequest, upstream: Upstream, asked: Asked) -> HttpResponse:
    """Lead to our page for the directory's password."""
    state = journeys.begin(request, upstream, asked)
    query = {"state": state, **({"login_hint": asked.login_hint} if asked.login_hint else {})}
    page = reverse("account_directory", args=[upstream.slug], query=query)
    return redirect(with_next(page, request))


def try_out(upstream: Upstream) -> list[Finding]:
    """Connect to the directory, and search as its users' sign-ins do."""
    from accounts.upstream.directory import people  # needs python-ldap

    try:
        people.can_search(declared.directory_of(upstream))
    except UnreachableError as problem:
        return [Finding(is_fine=False, sentence=str(problem))]
    return [Finding(is_fine=True, sentence=gettext("The directory answers, with TLS as declared."))]
