"""A small API for Signet's access tokens, such as the sample relying party calls. RFC 6750.

It shares nothing with Signet but the keys that Signet publishes. `make run` starts it.
Configuration comes from the environment: OIDC_ISSUER, API_IDENTIFIER.
"""

import jwt
from access_tokens import API, ISSUER, Refused, claims_of
from flask import Flask, jsonify, request
from werkzeug.wrappers import Response

app = Flask(__name__)


@app.get("/bread")
def bread() -> Response:
    """Show today's bread to a user whose token permits it."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        # RFC 6750 §3.1: a request without a token learns only what to bring.
        return _challenge(401, scope="bread.read")
    claims = claims_of(token.strip(), scope="bread.read")
    return jsonify(
        bread=["sourdough", "rye", "broa de milho"],
        for_user=claims["sub"],
        for_client=claims["client_id"],
        token_good_until=claims["exp"],
    )


@app.get("/.well-known/oauth-protected-resource")
def metadata() -> Response:
    """Say whose tokens we take, and with which scopes. RFC 9728."""
    return jsonify(
        resource=API,
        authorization_servers=[ISSUER],
        scopes_supported=["bread.read"],
        bearer_methods_supported=["header"],
    )


@app.errorhandler(Refused)
def refused(problem: Refused) -> Response:
    """Say what was wrong with the token."""
    words = {"error": problem.error, "error_description": problem.description}
    return _challenge(problem.status, **words, scope="bread.read")


@app.errorhandler(jwt.PyJWKClientConnectionError)
def no_keys(_problem: Exception) -> Response:
    """Say that it is not the caller's fault: Signet's keys cannot be had at the moment."""
    response = jsonify(error="temporarily_unavailable")
    response.status_code = 503
    return response


def _challenge(status: int, **words: str) -> Response:
    """Return an error as RFC 6750 §3 has it, with the address of our metadata (RFC 9728 §5.1)."""
    words["resource_metadata"] = f"{API.rstrip('/')}/.well-known/oauth-protected-resource"
    response = jsonify({name: words[name] for name in words if name.startswith("error")})
    response.status_code = status
    response.headers["WWW-Authenticate"] = "Bearer " + ", ".join(
        f'{name}="{value}"' for name, value in words.items()
    )
    return response
