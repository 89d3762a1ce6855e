"""An identity provider by pysaml2: run as `saml_provider.py ADDRESS FOLDER METADATA SIGNS`.

METADATA is the address of a service provider's metadata. It signs alice in without asking, at
`/sso`, and `/sign-out` sends the browser on with a request to sign her out. At `/signed-out` it
judges the answer, and requests that she be signed out there. SIGNS is what it signs: `assertion`,
which `encrypted` encrypts as well, or `response`.
"""

import re
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.saml import NAMEID_FORMAT_PERSISTENT, NameID
from saml2.server import Server
from saml2.sigver import TRIPLE_DES_CBC
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

ADDRESS, FOLDER, METADATA, SIGNS = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]
AES = "http://www.w3.org/2001/04/xmlenc#aes256-cbc"
REFEDS = "https://refeds.org/profile/mfa"
ALICE = {"mail": ["alice@corp.test"], "displayName": ["Alice Berg"], "uid": ["alice"]}
#: The sessions that alice has.
sessions: list[str] = []


def note_sessions(response: str) -> None:
    """Note the sessions that a response names, if it is not encrypted."""
    sessions.extend(re.findall(r'SessionIndex="([^"]+)"', response))


def server() -> Server:
    """Return what judges requests and makes responses; it fetches the metadata when needed."""
    sso = [(f"{ADDRESS}/sso", BINDING_HTTP_REDIRECT)]
    slo = [(f"{ADDRESS}/signed-out", BINDING_HTTP_REDIRECT)]
    said = {
        "entityid": f"{ADDRESS}/metadata",
        "xmlsec_binary": "/usr/bin/xmlsec1",
        "key_file": str(FOLDER / "key.pem"),
        "cert_file": str(FOLDER / "certificate.pem"),
        "metadata": {"local": [str(FOLDER / "sp.xml")]} if (FOLDER / "sp.xml").exists() else {},
        "service": {
            "idp": {
                "endpoints": {"single_sign_on_service": sso, "single_logout_service": slo},
                "want_authn_requests_signed": True,
                "policy": {"default": {"lifetime": {"minutes": 5}, "attribute_restrictions": None}},
            }
        },
    }
    provider = Server(config=IdPConfig().load(said))
    encrypt = provider.sec.encrypt_assertion

    def by_aes(statement: str, key: str, template: str, **options: str) -> str:
        """Encrypt by AES-256 in CBC mode; pysaml2 itself knows Triple DES alone."""
        options["key_type"] = "aes-256"
        note_sessions(str(statement))
        return str(encrypt(statement, key, str(template).replace(TRIPLE_DES_CBC, AES), **options))

    provider.sec.encrypt_assertion = by_aes
    return provider


def signed_in(provider: Server, query: dict[str, str]) -> str:
    """Judge a request, and return the page that posts the response."""
    asked = provider.parse_authn_request(
        query["SAMLRequest"],
        BINDING_HTTP_REDIRECT,
        relay_state=query["RelayState"],
        sigalg=query["SigAlg"],
        signature=query["Signature"],
    )
    answered = provider.response_args(asked.message)
    name_id = NameID(format=NAMEID_FORMAT_PERSISTENT, text="persistent-alice")
    response = provider.create_authn_response(
        identity=ALICE,
        userid="alice",
        name_id=name_id,
        authn={"class_ref": REFEDS, "authn_auth": ADDRESS},
        sign_assertion=SIGNS != "response",
        encrypt_assertion=SIGNS == "encrypted",
        encrypt_assertion_self_contained=True,
        sign_response=SIGNS == "response",
        sign_alg=SIG_RSA_SHA256,
        digest_alg=DIGEST_SHA256,
        **answered,
    )
    note_sessions(str(response))
    address = answered["destination"]
    page = provider.apply_binding(
        BINDING_HTTP_POST, str(response), address, query["RelayState"], response=True
    )
    return str(page["data"])


def sign_out(provider: Server) -> str:
    """Return where the browser goes with a request to sign alice out."""
    [entity_id] = provider.metadata.keys()
    address = provider.metadata.single_logout_service(entity_id, BINDING_HTTP_REDIRECT, "spsso")
    location = address[0]["location"]
    _id, request = provider.create_logout_request(
        location,
        issuer_entity_id=f"{ADDRESS}/metadata",
        name_id=NameID(format=NAMEID_FORMAT_PERSISTENT, text="persistent-alice"),
        session_indexes=sessions,
    )
    sent = provider.apply_binding(
        BINDING_HTTP_REDIRECT, str(request), location, "state", sign=True, sigalg=SIG_RSA_SHA256
    )
    return str(dict(sent["headers"])["Location"])


def signed_out(provider: Server, query: dict[str, str]) -> str:
    """Judge the answer to a request to sign out."""
    answer = provider.parse_logout_request_response(query["SAMLResponse"], BINDING_HTTP_REDIRECT)
    return "signed out" if answer.status_ok() else "not signed out"


def asked_to_sign_out(provider: Server, query: dict[str, str]) -> str:
    """Judge a request to sign alice out, and return where the browser goes with the answer."""
    asked = provider.parse_logout_request(
        query["SAMLRequest"],
        BINDING_HTTP_REDIRECT,
        relay_state=query["RelayState"],
        sigalg=query["SigAlg"],
        signature=query["Signature"],
    )
    assert asked.message.name_id.text == "persistent-alice"
    assert asked.message.session_index[0].text in sessions
    answer = provider.create_logout_response(asked.message, [BINDING_HTTP_REDIRECT])
    sent = provider.apply_binding(
        BINDING_HTTP_REDIRECT,
        str(answer),
        answer.destination,
        query["RelayState"],
        response=True,
        sign=True,
        sigalg=SIG_RSA_SHA256,
    )
    return str(dict(sent["headers"])["Location"])


class Handler(BaseHTTPRequestHandler):
    """The provider's pages."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/metadata":
            self._say(str(entity_descriptor(server().config)), "application/samlmetadata+xml")
            return
        with urllib.request.urlopen(METADATA) as found:
            (FOLDER / "sp.xml").write_bytes(found.read())
        provider = server()
        if parts.path == "/sign-out":
            self._send_on(sign_out(provider))
        elif "SAMLRequest" in query and parts.path == "/signed-out":
            self._send_on(asked_to_sign_out(provider, query))
        elif parts.path == "/signed-out":
            self._say(signed_out(provider, query))
        else:
            self._say(signed_in(provider, query))

    def _send_on(self, address: str) -> None:
        self.send_response(302)
        self.send_header("Location", address)
        self.end_headers()

    def _say(self, text: str, content_type: str = "text/html") -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.end_headers()
        self.wfile.write(text.encode())


port = urlsplit(ADDRESS).port
HTTPServer(("127.0.0.1", port or 80), Handler).serve_forever()
