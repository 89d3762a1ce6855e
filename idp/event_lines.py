"""Events as lines of JSON: what an export and the audit stream have of each."""

import json
from typing import Any

from idp.models import Event


def members_of(event: Event) -> dict[str, Any]:
    """Return an event's members; the rows of its users have been read."""
    return {
        "reference": event.reference,
        "at": event.at.isoformat(),
        "kind": event.kind,
        "user": event.user.email if event.user else "",
        "operator": event.actor.email if event.actor else "",
        "client_id": event.client_id,
        "target": event.target,
        "ip_address": event.ip_address or "",
        "error": event.error,
        "reason": event.reason,
        "times": event.times,
        "details": event.details,
    }


def json_line(event: Event) -> str:
    """Return an event as a line of JSON, with the line's end."""
    return json.dumps(members_of(event), ensure_ascii=False) + "\n"
