"""Workload identity with tokens of Kubernetes and SPIFFE, as their own libraries make them.

The apps and issuers are those of the recipes in docs/operators/trusted-issuers.md.
"""

import json
import subprocess
from typing import Any

import httpx
import pytest

from tests import secrecy
from tests.assertions import TYPE
from tests.conftest import Server
from tests.elsewhere import Elsewhere
from tests.interop.test_trusted_issuers import declared
from tests.programs import builds
from tests.relying_party import ISSUER, spec, unique

pytestmark = pytest.mark.programs
GUIDE = "operators/trusted-issuers.md"


def made(program: str, *arguments: str) -> dict[str, Any]:
    """Return what a program prints, with the tokens that it made."""
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    secrecy.used.note(*printed["tokens"].values())
    return printed


def outcome(token: str, client_id: str) -> str:
    """Return the error of a request for a token, or `ok`."""
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_assertion": token,
        "client_assertion_type": TYPE,
    }
    return httpx.post(f"{ISSUER}/token", data=form, verify=False).json().get("error", "ok")


@spec("RFC 7523", "2.2")
def test_kubernetes(provider: Server, foreign_site: Elsewhere) -> None:
    issuer, own = f"{foreign_site.address}/{unique('cluster')}", unique("shop")
    web, other = "system:serviceaccount:shop:web", "system:serviceaccount:shop:web2"
    program = builds.go("kubernetes", "./serviceaccount", "serviceaccount")
    cluster = made(program, f"--issuer={issuer}", f"--audience={ISSUER}", web, other)
    keys = foreign_site.says(f"/{unique('keys')}", json.dumps(cluster["jwks"]).encode())
    replaced = {
        "https://kubernetes.default.svc.cluster.local": issuer,
        "https://k8s.example.com/openid/v1/jwks": keys,
        "client_id: shop": f"client_id: {own}",
    }
    declared(GUIDE, "kubernetes.yaml", **replaced)
    assert outcome(cluster["tokens"][web], own) == "ok"
    assert outcome(cluster["tokens"][other], own) == "invalid_client"
    for_the_api = made(program, f"--issuer={issuer}", f"--audience={issuer}", web)
    assert outcome(for_the_api["tokens"][web], own) == "invalid_client"


@spec("SPIFFE JWT-SVID", "3")
def test_spiffe(provider: Server, foreign_site: Elsewhere) -> None:
    domain, own = f"{unique('domain')}.example", unique("billing")
    billing, other = f"spiffe://{domain}/billing", f"spiffe://{domain}/billing/x"
    elsewhere = f"spiffe://other.{domain}/billing"
    program = builds.go("spiffe")
    spire = made(program, f"--domain={domain}", f"--audience={ISSUER}", billing, other, elsewhere)
    bundle = foreign_site.says(f"/{unique('bundle')}", json.dumps(spire["bundle"]).encode())
    replaced = {
        "spiffe://example.org": f"spiffe://{domain}",
        "https://spire.example.org/bundle": bundle,
        "client_id: billing": f"client_id: {own}",
    }
    declared(GUIDE, "spiffe.yaml", **replaced)
    assert outcome(spire["tokens"][billing], own) == "ok"
    assert {outcome(spire["tokens"][name], own) for name in (other, elsewhere)} == {
        "invalid_client"
    }
