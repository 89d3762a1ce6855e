"""The marks of upstreams, beside their names on buttons and lists."""

from django.templatetags.static import static

from accounts.models import Upstream
from accounts.upstream import kinds
from foundation import branding


def address_of(upstream: Upstream) -> str:
    """Return the address of an upstream's mark; empty where its initial stands in for one."""
    if upstream.mark_digest:
        return branding.picture_address(upstream.mark_digest)
    kind = kinds.named(upstream.kind)
    return static(f"marks/{kind.mark}") if kind and kind.mark else ""


def mark_with(digest: str) -> bytes | None:
    """Return the mark with this digest, if it is one of an upstream."""
    rows = Upstream.objects.exclude(mark_digest="").filter(mark_digest=digest)
    picture = rows.values_list("mark", flat=True).first()
    return bytes(picture) if picture else None
