"""The kind `saml`, in the registry if its packages are installed."""

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, ngettext

from accounts.upstream import kinds, links
from accounts.upstream.journeys import Asked
from accounts.upstream.kinds import Finding, Kind
from accounts.upstream.model import Upstream
from accounts.upstream.refusals import UpstreamRefusedError
from idp.upstream.saml import addresses, declared


def register() -> None:
    """Make it known, unless the extra is not installed."""
    if not addresses.are_packages_installed():
        return
    kind = Kind(
        name=addresses.NAME,
        label="SAML 2.0",
        begin=begin,
        columns=("issuer", "secret_variable", "secret", "settings", "sign_out_there"),
        problems=problems,
        try_out=try_out,
    )
    kinds.register(kind)


def is_saml(upstream: Upstream) -> bool:
    """Whether an upstream answers as SAML identity providers do, and we understand it."""
    return upstream.kind == addresses.NAME and kinds.named(addresses.NAME) is not None


def begin(request: HttpRequest, upstream: Upstream, asked: Asked) -> HttpResponse:
    """Send the browser to the upstream."""
    from idp.upstream.saml import authn_request  # needs lxml

    return authn_request.send(request, upstream, asked)


def problems(upstream: Upstream) -> Iterator[tuple[str, str]]:
    """Yield a column and a sentence for each that can't be right."""
    from idp.upstream.saml import metadata, signing  # needs lxml

    wrong = list(declared.problems(upstream))
    yield from wrong or _problems_with_changes(upstream)
    if not wrong and not declared.of(upstream).metadata_url:
        try:
            metadata.stated(upstream)
        except UpstreamRefusedError as problem:
            yield "settings", gettext(str(problem))
    # What a variable has, only the server knows.
    unusable = signing.problem_with(upstream.secret) if upstream.sealed_secret else None
    if unusable:
        yield "new_secret", unusable


def _problems_with_changes(upstream: Upstream) -> Iterator[tuple[str, str]]:
    """What identifies users must not change: links would lead to others."""
    before = Upstream.objects.filter(pk=upstream.pk, kind=addresses.NAME).first()
    if before is None or not links.number_at(before.slug):
        return
    was, now = declared.of(before), declared.of(upstream)
    if (was.name_id, was.subject_attribute) != (now.name_id, now.subject_attribute):
        said = gettext("People have connected accounts of it: make another one instead.")
        yield "saml_name_id", said


def try_out(upstream: Upstream) -> list[Finding]:
    """Fetch its metadata, and see whether our key can be used."""
    from idp.upstream.saml import metadata, signing  # needs lxml

    try:
        by_address = declared.of(upstream).metadata_url
        found = metadata.fetched(upstream) if by_address else metadata.stated(upstream)
        key = signing.key_of(upstream)
    except UpstreamRefusedError as problem:
        return [Finding(is_fine=False, sentence=gettext(str(problem)))]
    number = len(found.certificates)
    said = ngettext(
        "What it says can be used. It has %(number)d certificate.",
        "What it says can be used. It has %(number)d certificates.",
        number,
    )
    findings = [Finding(is_fine=True, sentence=said % {"number": number})]
    if found.wants_signed_requests and key is None:
        said = gettext("It wants signed requests: enter a key with its certificate.")
        findings.append(Finding(is_fine=False, sentence=said))
    if upstream.sign_out_there != Upstream.SignOut.NEVER and not (found.slo_url and key):
        said = gettext("Nobody is sent there to sign out: that takes its address for it and a key.")
        findings.append(Finding(is_fine=True, sentence=said))
    return findings
