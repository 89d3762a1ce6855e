"""Act as a client that introduces itself by a document at the address that is its client_id."""

import json
from datetime import timedelta
from typing import Any

from django.utils import timezone

from tests.elsewhere import Elsewhere
from tests.registering import document
from tests.relying_party import Registered, make_client, unique


def introduced(site: Elsewhere, **members: Any) -> Registered:
    """Return a client that no provider knows yet; None leaves a member of its document out."""
    client = Registered(f"{site.address}/{unique('app')}", None, {})
    publish(site, client, **members)
    return client


def publish(
    site: Elsewhere, client: Registered, *, headers: dict[str, str] | None = None, **members: Any
) -> None:
    """Publish the client's document, anew if there is one."""
    client.metadata = document(
        client_id=client.client_id, **{"token_endpoint_auth_method": "none", **members}
    )
    path = client.client_id.removeprefix(site.address)
    site.says(path, json.dumps(client.metadata).encode(), **(headers or {}))


def introduced_before(**metadata: Any) -> Registered:
    """Return a client whose document made it a while ago, and holds for some time yet."""
    from idp.models import Client

    client_id = f"https://assistant.example/{unique('app')}"
    client = make_client(client_id=client_id, token_endpoint_auth_method="none", **metadata)
    row = Client.objects.get(client_id=client.client_id)
    row.registration_source = Client.RegistrationSource.CIMD
    row.document_fetched_at = timezone.now()
    row.cimd_expires_at = row.document_fetched_at + timedelta(hours=1)
    row.save()
    return client


def let_go_stale(client: Registered, *, fetched: timedelta = timedelta(minutes=5)) -> None:
    """Let time pass since the client's document was fetched, more than it was to hold for."""
    from idp.models import Client

    now = timezone.now()
    Client.objects.filter(client_id=client.client_id).update(
        cimd_expires_at=now - timedelta(seconds=1), document_fetched_at=now - fetched
    )
