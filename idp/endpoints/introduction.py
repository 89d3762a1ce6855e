"""Look up client ID metadata documents for the authorization endpoint.

OAuth Client ID Metadata Document §5.
"""

from django.http import HttpRequest
from django.utils import timezone

from foundation.client_address import rate_limit_key
from idp.clients.display import hosts_of
from idp.events import Kind, masked, record
from idp.registration import client_id_documents, software_statements


def introduce(request: HttpRequest, client_id: str) -> None:
    """Create or update a client from its own document, if it has one; raises as `look`."""
    if not client_id_documents.may_be_at(client_id):
        return
    news = client_id_documents.look(client_id, rate_limit_key(request), timezone.now())
    if news is None:
        return
    target = f"client {client_id}"
    if news.changes is not None:
        record(
            Kind.CHANGED,
            request,
            client_id=client_id,
            target=target,
            reason="The app changed its own document.",
            changes=masked(news.changes),
        )
        return
    record(
        Kind.REGISTERED,
        request,
        client_id=client_id,
        target=target,
        reason="The app came with its own document.",
        redirect_hosts=hosts_of(news.client),
        software_statement=software_statements.issuer_of(news.client.software_statement),
    )
