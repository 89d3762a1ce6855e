"""Operators set a SAML identity provider up on a page or in a file, and learn what is missing."""

from unittest import mock

import yaml

from accounts.models import Upstream
from accounts.upstream import kinds
from idp.declaration import Actor, apply, export
from idp.deploy_checks import upstreams_can_be_used
from tests.idp.admin.conftest import Operator
from tests.relying_party import ISSUER, no_event, unique
from tests.saml import NS, SSO, signing_key

METADATA = """<?xml version="1.0"?>
<md:EntityDescriptor xmlns:md="{md}" xmlns:ds="{ds}" entityID="{entity_id}">
<md:IDPSSODescriptor WantAuthnRequestsSigned="true" protocolSupportEnumeration="{samlp}">
<md:KeyDescriptor><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate>
</ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
 Location="{sso}"/></md:IDPSSODescriptor></md:EntityDescriptor>"""


def test_one_is_set_up_by_a_page_and_by_a_file(superuser: Operator) -> None:
    there, ours, other = (signing_key(name) for name in ("provider", "ours", "another"))
    slug, entity_id = unique("saml"), f"https://login.example/{unique('entity')}"
    certificate = "".join(there.certificate.strip().splitlines()[1:-1])
    metadata = METADATA.format(**NS, entity_id=entity_id, certificate=certificate, sso=SSO)
    add = "accounts/upstream/add/?kind=saml"
    form = {"name": "Example Ltd", "slug": slug, "saml_name_id": "persistent"}
    # What can't be right is said in the form.
    bomb = metadata.replace("<md:Entity", '<!DOCTYPE r [<!ENTITY a "a">]><md:Entity', 1)
    key_of_another = ours.private + other.certificate
    for wrong, said in (
        ({}, "Set one of these: the address of its metadata"),
        ({"saml_metadata": bomb, "issuer": entity_id}, "has a document type"),
        ({"saml_metadata": metadata, "issuer": "other"}, "about another entity ID"),
        ({"saml_sso_url": SSO, "issuer": entity_id}, "belong together"),
        ({"saml_sso_url": SSO, "saml_certificates": "MII"}, "A certificate can’t be read"),
        ({"saml_metadata_url": "http://login.example"}, "not an address that begins with https://"),
        ({"saml_metadata": metadata, "new_secret": key_of_another}, "that of another key"),
    ):
        answer = superuser.save(add, **form, **wrong).text
        assert said in answer, answer
        assert "PRIVATE KEY" not in answer
    # Pasted metadata says whose it is.
    key = ours.private + ours.certificate
    page = superuser.save(add, **form, saml_metadata=metadata.replace("\n", "\r\n"))
    assert "errorlist" not in page.text, page.text
    row = Upstream.objects.get(slug=slug)
    assert (row.issuer, row.settings) == (entity_id, {"metadata": metadata})
    change = f"accounts/upstream/{row.pk}/change/"
    assert "It wants signed requests" in superuser.run_action(change, "try").text
    assert "errorlist" not in superuser.save(change, new_secret=key).text
    shown = superuser.open(change).text
    assert "PRIVATE KEY" not in shown
    for path in ("", "acs", "logout"):
        assert f">{ISSUER}/account/upstream/{slug}/saml/{path}<" in shown
    assert "It has 1 certificate." in superuser.run_action(change, "try").text
    # A file has the same, and the certificates may be in it.
    text = "".join(export(only=("upstreams",)))
    [entry] = [each for each in yaml.safe_load(text)["upstreams"] if each["slug"] == slug]
    assert entry["settings"] == {"metadata": metadata}
    entry["settings"] = {"sso_url": SSO, "certificates": [there.certificate]}
    assert len(apply({"upstreams": [entry]}, dry_run=False, actor=Actor(no_event))) == 1
    assert apply({"upstreams": [entry]}, dry_run=True, actor=Actor(no_event)) == []
    assert there.certificate.strip() in superuser.open(change).text
    # A server without the packages says so.
    assert slug not in str(upstreams_can_be_used())
    with mock.patch.dict(kinds._KINDS):
        del kinds._KINDS["saml"]
        [message] = [each for each in upstreams_can_be_used() if slug in each.msg]
        assert message.id == "idp.W031"
        assert "requirements/saml.txt" in str(message.hint)
