"""What to improve about an app, in plain words; a button tries its addresses."""

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from idp.clients import lint, reach

if TYPE_CHECKING:
    from idp.admin.clients import ClientsPage


def view(page: "ClientsPage", request: HttpRequest, object_id: str) -> HttpResponse:
    """List what fails, what is weak and what could be better. A POST fetches the addresses, too."""
    client = page.get_object(request, object_id)
    if client is None:
        raise Http404
    if not page.has_view_permission(request, client):
        raise PermissionDenied
    advice = lint.advice_for(client, timezone.now())
    headings = {
        lint.Weight.FAILS: _("This fails"),
        lint.Weight.WEAK: _("This is weak"),
        lint.Weight.BETTER: _("This could be better"),
    }
    groups = [
        (heading, [piece for piece in advice if piece.weight is weight])
        for weight, heading in headings.items()
    ]
    return TemplateResponse(
        request,
        "admin/improve.html",
        {
            **page.admin_site.each_context(request),
            "title": _("What to improve about %(app)s") % {"app": client},
            "opts": page.opts,
            "original": client,
            "groups": [group for group in groups if group[1]],
            "has_addresses": reach.has_addresses(client),
            "visits": reach.visits(client) if request.method == "POST" else None,
            "may_change": page.has_change_permission(request, client),
            "back": page.address_of(client),
        },
    )
