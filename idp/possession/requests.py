"""The presenter of a request: what it proves, and whether a token is bound to that."""

import re
from collections.abc import Collection
from datetime import datetime
from typing import NoReturn

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from foundation.client_certificate import meta_name
from idp import policy
from idp.possession import dpop, nonces
from idp.possession.certificates import presented
from idp.possession.presenter import (
    JKT,
    UNPROVEN,
    Confirmation,
    Presenter,
    is_the_one,
)
from idp.protocol.errors import InvalidDpopProof, InvalidRequest, InvalidToken
from idp.protocol.rules import upholds

_CERTIFICATE = meta_name(settings.IDP_CLIENT_CERTIFICATE_HEADER)
#: The headers by which requests prove a key.
PROOFS = frozenset({"HTTP_DPOP", *((_CERTIFICATE,) if policy.CLIENT_CERTIFICATES else ())})
_SCHEME = re.compile(r"dpop\b", re.IGNORECASE)


def presenter_of(
    request: HttpRequest,
    now: datetime,
    token: str | None = None,
    addresses: Collection[str] = (),
) -> Presenter:
    """Return the keys that a request proves; `token` is the access token that it presents.

    A proof beside a bearer token counts for nothing. `addresses` are further names of the request's
    address. Raises InvalidDpopProof, UseDpopNonce, and InvalidRequest for what is no certificate.
    """
    header = request.META.get("HTTP_DPOP") if token is None or uses_dpop(request) else None
    names = (*_addresses(request.path_info), *addresses)
    proof = (
        dpop.proof_of(header, request.method or "", names, now, token)
        if header is not None
        else None
    )
    certificate = presented(request)
    if proof is None and certificate is None:
        return UNPROVEN
    return Presenter(proof=proof, certificate=certificate.thumbprint if certificate else None)


@upholds("RFC 9449 §5.2")
def dpop_is_used(presenter: Presenter) -> None:
    """RFC 9449 §5.2: a client that registered so gets no tokens without a proof.

    A proof that is not there is a missing parameter, and no invalid proof: the official FAPI suite
    takes no other error where a refresh token is used without one.
    """
    if presenter.proof is None:
        raise InvalidRequest(
            "The request has no DPoP proof; this client is registered for bound tokens alone "
            "(dpop_bound_access_tokens)."
        )


def uses_dpop(request: HttpRequest) -> bool:
    """Whether the access token of a request comes with the scheme DPoP. RFC 9449 §7.1."""
    return _SCHEME.match(request.META.get("HTTP_AUTHORIZATION", "")) is not None


def presenter_is_the_one(
    request: HttpRequest,
    token: str,
    confirmation: Confirmation | None,
    client_id: int,
    now: datetime,
    addresses: Collection[str] = (),
) -> None:
    """Raise InvalidToken unless an access token is bound to who presents it, or not bound.

    `client_id` is the primary key of the client that the token was given to; `addresses` as in
    `presenter_of`. Also raises InvalidDpopProof and UseDpopNonce. A proof is used up. RFC 9449
    §7.1, RFC 8705 §3.
    """
    _scheme_is_right(request, confirmation)
    if uses_dpop(request) and "HTTP_DPOP" not in request.META:
        _refuse_without_proof()
    presenter = presenter_of(request, now, token, addresses)
    _is_bound_to(presenter, confirmation)
    if presenter.proof is not None:
        dpop.use_up(client_id, presenter.proof)


@upholds("RFC 9449 §7.1")
def _scheme_is_right(request: HttpRequest, confirmation: Confirmation | None) -> None:
    """RFC 9449 §7.1, §7.2: tokens of DPoP come with the scheme DPoP, and no others do."""
    if JKT in (confirmation or {}) and not uses_dpop(request):
        raise InvalidToken(
            "The access token is bound to a key; send it with the scheme DPoP, and a proof."
        )
    if JKT not in (confirmation or {}) and uses_dpop(request):
        raise InvalidToken(
            "The access token is not bound to a key; send it with the scheme Bearer."
        )


@upholds("RFC 9449 §7.1")
def _refuse_without_proof() -> NoReturn:
    """RFC 9449 §7.1: the scheme DPoP goes with a proof."""
    raise InvalidDpopProof("The access token came with the scheme DPoP, but without a proof.")


@upholds("RFC 9449 §7.1")
def _is_bound_to(presenter: Presenter, confirmation: Confirmation | None) -> None:
    """RFC 9449 §7.1, RFC 8705 §3: only its owner can use a bound token."""
    if not is_the_one(presenter, confirmation):
        raise InvalidToken("The access token is bound to another key than this request proves.")


def complete(request: HttpRequest, response: HttpResponse, now: datetime) -> None:
    """Add what answers to requests with DPoP have: a nonce, and challenges of the same scheme.

    The nonce is there where proofs have to have one. RFC 9449 §7.1, §8, §8.2, §9.
    """
    if policy.DPOP_NONCES:
        response["DPoP-Nonce"] = nonces.current(now)
    scheme, _, rest = response.headers.get("WWW-Authenticate", "").partition(" ")
    if scheme == "Bearer" and uses_dpop(request):
        algorithms = f'algs="{" ".join(policy.DPOP_ALGORITHMS)}"'
        response["WWW-Authenticate"] = (
            f"DPoP {rest}, {algorithms}" if rest else f"DPoP {algorithms}"
        )


def _addresses(path: str) -> tuple[str, ...]:
    """Return the addresses of one of our paths: those of discovery, and those of an old server."""
    old = (it for it, ours in policy.OLD_ADDRESSES.items() if ours == path)
    with_certificates = (f"{policy.MTLS_URL}{path}",) if policy.MTLS_URL else ()
    ours = f"{policy.ISSUER}{path}"
    return (ours, *with_certificates, *(f"{policy.ORIGIN}{it}" for it in old))


@upholds("RFC 8705 §3.4")
def certificate_is_there(presenter: Presenter) -> None:
    """RFC 8705 §3.4: a client that has its tokens bound to certificates gets no others."""
    if presenter.certificate is None:
        raise InvalidRequest(
            "The tokens of this client are bound to a TLS certificate, and the request came "
            "without one, or by a way on which certificates are not accepted."
        )
