"""Grant families: what has happened to an authorization, and what it may be used for."""

from idp.models import Authorization
from idp.protocol.errors import InvalidTarget
from idp.protocol.parameters import Parameters


def load(authorization_id: int) -> Authorization:
    """Return the authorization with all that issuing and judging need, in one statement."""
    return Authorization.objects.select_related("user", "session", "client_session").get(
        pk=authorization_id
    )


def problem_since(authorization: Authorization) -> str | None:
    """Return what has happened to the authorization since it was given, or None."""
    if authorization.revoked_at is not None:
        return "The authorization has been revoked."
    session = authorization.session
    if not authorization.offline and (session is None or session.ended_at is not None):
        return "The person has signed out since."
    if not authorization.user.is_active:
        return "The person's account has been disabled."
    return None


def resource_for(authorization: Authorization, parameters: Parameters) -> tuple[str, ...]:
    """Return the APIs that this token request's access token is for. RFC 8707 §2.2.

    Those it names, which have to be of those that the authorization named, if it named any; else
    the authorization's.
    """
    allowed = tuple(authorization.resource)
    asked = tuple(dict.fromkeys(parameters.resources))
    if allowed and not set(asked) <= set(allowed):
        raise InvalidTarget("A resource was not part of the authorization request.")
    return asked or allowed
