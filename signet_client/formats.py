"""How `signet token` prints a token."""

import json
import os
import time
from datetime import UTC, datetime

from signet_client.tokens import AccessToken

#: The versions of Kubernetes' ExecCredential that we can answer, the newest first.
_EXEC_VERSIONS = (
    "client.authentication.k8s.io/v1",
    "client.authentication.k8s.io/v1beta1",
)


def plain(token: AccessToken) -> str:
    """Return the token alone."""
    return token.value


def header(token: AccessToken) -> str:
    """Return a header for `curl --header @-`. RFC 6750 §2.1."""
    return f"Authorization: Bearer {token.value}"


def as_json(token: AccessToken) -> str:
    """Return the members of a token response. RFC 6749 §5.1."""
    members = {
        "access_token": token.value,
        "token_type": "Bearer",
        "expires_in": max(0, int(token.expires_at - time.time())),
        **({"scope": token.scope} if token.scope else {}),
    }
    return json.dumps(members)


def kubernetes(token: AccessToken) -> str:
    """Return an ExecCredential, in the version that kubectl asks for."""
    try:
        asked = json.loads(os.environ.get("KUBERNETES_EXEC_INFO", "{}"))["apiVersion"]
    except (ValueError, KeyError, TypeError):
        asked = None
    expires = datetime.fromtimestamp(int(token.expires_at), UTC)
    return json.dumps(
        {
            "apiVersion": asked if asked in _EXEC_VERSIONS else _EXEC_VERSIONS[0],
            "kind": "ExecCredential",
            "status": {
                "token": token.value,
                "expirationTimestamp": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
        }
    )


FORMATS = {"token": plain, "header": header, "json": as_json, "kubernetes": kubernetes}
