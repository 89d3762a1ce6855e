"""The linter's findings about an app; a button runs the remote metadata checks."""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from idp import linter
from idp.admin.clients import tabs
from idp.admin.page import Page
from idp.linter import Finding, remote_checks
from idp.models import Client


def view(page: Page, request: HttpRequest, object_id: str) -> HttpResponse:
    """List findings: failing, weak and suggested. A POST runs the remote checks, too."""
    client = page.get_object(request, object_id)
    if client is None:
        raise Http404
    if not page.has_view_permission(request, client):
        raise PermissionDenied
    findings = linter.findings_for(client, timezone.now())
    headings = {
        linter.Severity.FAILING: _("This fails"),
        linter.Severity.WEAK: _("This is weak"),
        linter.Severity.SUGGESTED: _("This is suggested"),
    }
    groups = [
        (heading, [_with_address(client, it) for it in findings if it.severity is severity])
        for severity, heading in headings.items()
    ]
    return page.about(
        client,
        request,
        "admin/linter.html",
        _("Findings about %(app)s") % {"app": client},
        {
            "groups": [group for group in groups if group[1]],
            "has_addresses": remote_checks.has_addresses(client),
            "remote_checks": remote_checks.run(client) if request.method == "POST" else None,
            "may_change": page.has_change_permission(request, client),
        },
    )


def _with_address(client: Client, finding: Finding) -> tuple[Finding, str]:
    """Return a finding with the address of the field that it is about, if there is one."""
    return finding, tabs.address_of_field(client, finding.field) if finding.field else ""
