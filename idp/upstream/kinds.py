"""The kinds of upstreams that answer with a code: any OpenID provider, and some by name."""

from collections.abc import Iterator

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.upstream.kinds import Finding, Kind, named
from accounts.upstream.kinds import register as register_kinds
from accounts.upstream.model import Upstream
from idp import fetched_keys, outbound
from idp.protocol.errors import TemporarilyUnavailable
from idp.upstream import apple, discovery, github, openid

_COLUMNS = (
    *("issuer", "client_id", "client_auth", "secret_variable", "secret", "scopes"),
    "sign_out_there",
)
_MICROSOFT = "https://login.microsoftonline.com/{tenant}/v2.0"
#: Their documents name no one issuer, so that no ID token could be judged by them.
_TENANTS_OF_ALL = ("/common/", "/organizations/")


def register() -> None:
    """Make them known."""
    register_kinds(
        _kind("oidc", _("OpenID Connect")),
        _kind("google", "Google", issuer="https://accounts.google.com"),
        _kind("microsoft", "Microsoft", issuer=_MICROSOFT),
        _kind("gitlab", "GitLab", issuer="https://gitlab.com"),
        Kind(
            name=github.NAME,
            label="GitHub",
            begin=github.begin,
            identity=github.identity,
            columns=("issuer", "client_id", "secret_variable", "secret", "scopes"),
            problems=_problems_with_secret,
            issuer=github.ISSUER,
            scopes=github.SCOPES,
        ),
        Kind(
            name=apple.NAME,
            label="Apple",
            begin=apple.begin,
            identity=apple.identity,
            answers_by_form=True,
            columns=("issuer", "client_id", "secret_variable", "secret", "scopes", "settings"),
            problems=_problems_of_apple,
            try_out=_try_out,
            issuer=apple.ISSUER,
            scopes=apple.SCOPES,
        ),
    )


def _kind(name: str, label: object, issuer: str = "") -> Kind:
    return Kind(
        name=name,
        label=label,  # type: ignore[arg-type]
        begin=openid.begin,
        identity=openid.identity,
        columns=_COLUMNS,
        problems=_problems,
        try_out=_try_out,
        issuer=issuer,
        scopes=openid.SCOPES,
    )


def is_openid(upstream: Upstream) -> bool:
    """Whether an upstream answers as OpenID providers do."""
    kind = named(upstream.kind)
    return kind is not None and kind.begin is openid.begin


def _problems(upstream: Upstream) -> Iterator[tuple[str, str]]:
    yield from _problems_of_client(upstream)
    needs_secret = upstream.client_auth in {Upstream.ClientAuth.BASIC, Upstream.ClientAuth.POST}
    if needs_secret and not _has_secret(upstream):
        yield "client_auth", gettext("This way to authenticate needs a client secret.")


def _problems_with_secret(upstream: Upstream) -> Iterator[tuple[str, str]]:
    yield from _problems_of_client(upstream)
    if not _has_secret(upstream):
        yield "secret_variable", gettext("It needs a client secret.")


def _problems_of_apple(upstream: Upstream) -> Iterator[tuple[str, str]]:
    yield from _problems_of_client(upstream)
    yield from apple.problems(upstream)
    if not _has_secret(upstream):
        yield "secret_variable", gettext("It needs the private key.")


def _has_secret(upstream: Upstream) -> bool:
    return bool(upstream.secret_variable or upstream.sealed_secret)


def _problems_of_client(upstream: Upstream) -> Iterator[tuple[str, str]]:
    if problem := _problem_with_issuer(upstream.issuer):
        yield "issuer", problem
    if not upstream.client_id or not upstream.client_id.isprintable():
        yield "client_id", gettext("Enter the client ID that it gave you.")


def _problem_with_issuer(issuer: str) -> str | None:
    if "{tenant}" in issuer or any(part in issuer for part in _TENANTS_OF_ALL):
        return gettext("Enter the ID of your own tenant in the issuer’s address.")
    if outbound.problem_with(issuer) or "?" in issuer or "#" in issuer:
        return gettext("Enter the issuer’s address, which begins with https://.")
    return None


def _try_out(upstream: Upstream) -> list[Finding]:
    """Fetch its document and its keys."""
    try:
        found = discovery.fetched(upstream)
        keys = fetched_keys.fetched(found.jwks_uri, discovery.party_of(upstream, "keys"))
    except (outbound.OutboundError, TemporarilyUnavailable) as problem:
        return [Finding(is_fine=False, sentence=str(problem))]
    findings = [Finding(is_fine=True, sentence=gettext("Its discovery document can be used."))]
    if not keys:
        findings.append(Finding(is_fine=False, sentence=gettext("It has no key that we can use.")))
    if not found.userinfo_endpoint:
        said = gettext("It has no UserInfo endpoint: its ID tokens have to have the address.")
        findings.append(Finding(is_fine=True, sentence=said))
    if not found.end_session_endpoint and upstream.sign_out_there != Upstream.SignOut.NEVER:
        said = gettext("It has no end_session_endpoint: nobody is sent there to sign out.")
        findings.append(Finding(is_fine=True, sentence=said))
    return findings
