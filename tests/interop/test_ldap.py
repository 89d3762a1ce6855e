"""Sign-in by an LDAP directory: slapd as a real server, and attacks on both."""

import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.allauth_door import social_accounts
from accounts.models import Session, Upstream, User
from accounts.upstream import kinds
from accounts.upstream.directory import declared, kind
from accounts.upstream.refusals import UnreachableError
from idp.models import Event
from tests.conftest import ROOT
from tests.elsewhere import Authority
from tests.interop.conftest import build, running
from tests.ports import free_address

pytestmark = pytest.mark.programs

_SUFFIX = "dc=corp,dc=test"
_PEOPLE = f"ou=people,{_SUFFIX}"
_ALICE = f"uid=alice,{_PEOPLE}"
_GROUPS = 60
_CONF = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
allow bind_anon_dn
pidfile {folder}/pid
TLSCertificateFile {certificate}
TLSCertificateKeyFile {certificate}
TLSCACertificateFile {authority}
database mdb
suffix "{suffix}"
directory {folder}/data
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=search,{suffix}" read by self read by anonymous auth by * none
"""
_SEARCHING = """
dn: cn=search,{suffix}
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: search
userPassword: let me search
"""
_PERSON = """
dn: uid={uid},{people}
objectClass: inetOrgPerson
uid: {uid}
cn: {uid}
sn: Berg
givenName: {uid}
displayName: {uid} Berg
mail: {uid}@corp.test
userPassword: {password}
"""


class Slapd:
    """A directory with alice, bob and many groups."""

    def __init__(self, plain: str, encrypted: str) -> None:
        self.plain, self.encrypted = plain, encrypted

    def upstream(self, **said: Any) -> Upstream:
        """Make an upstream of it, as an operator would."""
        settings = {
            "address": self.encrypted,
            "bind_dn": f"cn=search,{_SUFFIX}",
            "base": _PEOPLE,
            "login_attributes": ["mail", "uid"],
            **said,
        }
        row = Upstream(slug=f"corp-{uuid.uuid4().hex[:8]}", name="Corp", kind="ldap")
        row.settings = {name: value for name, value in settings.items() if value is not None}
        row.trusts_email, row.secret = True, "let me search"
        row.full_clean()
        row.save()
        return row


@pytest.fixture(scope="module")
def python_ldap() -> None:
    """Install what the directory and the extra need, and register the kind."""
    needs = "; ".join(
        f"need {file} {package}"
        for file, package in {
            "/usr/include/ldap.h": "libldap2-dev",
            "/usr/include/sasl/sasl.h": "libsasl2-dev",
            "/usr/sbin/slapd": "slapd",
        }.items()
    )
    build(ROOT, "bash", "-ec", f". scripts/needs; {needs}", RUNLEVEL="1")  # it starts none
    folder, pinned = ROOT / "var/programs/ldap", ROOT / "requirements/ldap.txt"
    stamp = folder / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != pinned.read_text():
        uv = str(Path(sys.executable).parent / "uv")
        where = ("--python", sys.executable, "--target", str(folder))
        wanted = ("--require-hashes", "-r", str(pinned))
        build(ROOT, uv, "--quiet", "--system-certs", "pip", "install", *where, *wanted)
        stamp.write_text(pinned.read_text())
    sys.path.append(str(folder))
    kind.register()


@pytest.fixture(scope="module")
def slapd(python_ldap: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    folder = tmp_path_factory.mktemp("slapd")
    (folder / "data").mkdir()
    authority = Authority(folder)
    # libldap takes localhost for the name of this machine.
    certificate = authority.certify("localhost", socket.gethostname())
    conf, ldif = folder / "slapd.conf", folder / "people.ldif"
    conf.write_text(
        _CONF.format(
            folder=folder, certificate=certificate, authority=authority.file, suffix=_SUFFIX
        )
    )
    ldif.write_text(_entries())
    subprocess.run(["/usr/sbin/slapadd", "-f", conf, "-l", ldif], check=True)
    plain = free_address().replace("http", "ldap")
    encrypted = free_address().replace("http", "ldaps").replace("127.0.0.1", "localhost")
    command = ["/usr/sbin/slapd", "-d", "0", "-f", str(conf), "-h", f"{plain} {encrypted}"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LDAPTLS_CACERT", str(authority.file))
        with running("slapd", command, plain, folder / "log"):
            yield Slapd(plain, encrypted)


def _entries() -> str:
    heads = (
        f"dn: {_SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\no: Corp\ndc: corp\n",
        f"dn: {_PEOPLE}\nobjectClass: organizationalUnit\nou: people\n",
        f"dn: ou=groups,{_SUFFIX}\nobjectClass: organizationalUnit\nou: groups\n",
        _SEARCHING.format(suffix=_SUFFIX).lstrip(),
    )
    people = [
        _PERSON.format(uid=uid, people=_PEOPLE, password=f"secret of {uid}").lstrip()
        for uid in ("alice", "bob")
    ]
    groups = [
        f"dn: cn=group{n},ou=groups,{_SUFFIX}\nobjectClass: groupOfNames\ncn: group{n}\n"
        f"member: {_ALICE if n else 'uid=bob,' + _PEOPLE}\n"
        for n in range(_GROUPS)
    ]
    return "\n".join((*heads, *people, *groups))


def _judged(upstream: Upstream, login: str, password: str) -> Any:
    from accounts.upstream.directory import people

    return people.identity(upstream, login, password, lambda _: None)


def _sign_in(client: Client, upstream: Upstream, login: str, password: str) -> Any:
    page = client.get(f"/account/login/directory/{upstream.slug}/")
    state = page.context["state"]
    form = {"login": login, "password": password, "state": state}
    return client.post(page.request["PATH_INFO"], form)


def test_a_user_of_a_directory_gets_an_account_and_signs_in_to_it_again(slapd: Slapd) -> None:
    upstream = slapd.upstream(groups_base=f"ou=groups,{_SUFFIX}", groups=["group0", "Group7"])
    assert all(finding.is_fine for finding in kind.try_out(upstream))
    page = _sign_in(Client(), upstream, "alice", "secret of alice")
    assert page.status_code == 302, page.content.decode()
    user = User.objects.get(email="alice@corp.test")
    assert (user.name, user.family_name) == ("alice Berg", "Berg")
    assert not user.has_usable_password()
    [row] = social_accounts.of(user)
    assert uuid.UUID(row.uid)  # entryUUID
    [record] = Session.objects.get(user=user).methods
    assert (record["provider"], record["uid"]) == (upstream.slug, row.uid)
    assert _sign_in(Client(), upstream, "ALICE@corp.test", "secret of alice").status_code == 302
    assert Session.objects.filter(user=user).count() == 2
    user.delete()


def test_only_groups_that_an_operator_named_count(slapd: Slapd) -> None:
    upstream = slapd.upstream(groups_base=f"ou=groups,{_SUFFIX}", groups=["group0", "group7"])
    assert _judged(upstream, "alice", "secret of alice").claims["groups"] == ["group7"]
    injected = ["x)(cn=*", "*"]
    upstream = slapd.upstream(groups_base=f"ou=groups,{_SUFFIX}", groups=injected)
    assert _judged(upstream, "alice", "secret of alice").claims["groups"] == []


_PASSWORD = "secret of alice"


@pytest.mark.parametrize("by_dn", [False, True])
@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("alice", "wrong"),
        ("alice", ""),
        ("nobody", _PASSWORD),
        ("", _PASSWORD),
        ("", ""),
        ("*", _PASSWORD),
        ("al*", _PASSWORD),
        ("alice)(objectClass=*", _PASSWORD),
        ("*)(uid=alice))(|(uid=*", _PASSWORD),
        ("\\61lice", _PASSWORD),
        ("alice\0", _PASSWORD),
        (f"alice,{_PEOPLE}", _PASSWORD),
        ("x+uid=alice", _PASSWORD),
        ("alice", "p" * 5000),
    ],
)
def test_what_does_not_match_or_injects_is_nobody(
    slapd: Slapd, by_dn: bool, login: str, password: str
) -> None:
    direct = {"bind_dn": None, "user_dn": f"uid={{login}},{_PEOPLE}"}
    upstream = slapd.upstream(**(direct if by_dn else {}))
    assert _judged(upstream, "alice", _PASSWORD) is not None  # else this shows nothing
    assert _judged(upstream, login, password) is None


def test_an_empty_password_is_no_bind_though_the_directory_takes_it(slapd: Slapd) -> None:
    from accounts.upstream.directory import connection

    directory = declared.directory_of(slapd.upstream())
    with connection.opened(directory) as connected:
        connected.simple_bind_s(_ALICE, "")  # RFC 4513 §5.1.2: that succeeds, for nobody
        assert connected.whoami_s() == ""
        assert not connection.is_bound(connected, _ALICE, "")
        assert connection.is_bound(connected, _ALICE, _PASSWORD)


def test_tls_is_required_and_certificates_are_checked(slapd: Slapd, tmp_path: Path) -> None:
    begins_later = slapd.plain.replace("127.0.0.1", "localhost")
    started = slapd.upstream(address=begins_later, start_tls=True)
    assert _judged(started, "alice", _PASSWORD) is not None
    for odd in ("ldap://directory.example", "ldaps://a b", "ldapi:///run", "ldaps://h/dc=x"):
        with pytest.raises(ValidationError, match="settings"):
            slapd.upstream(address=odd)
    other = {"address": slapd.encrypted.replace("localhost", "127.0.0.1")}  # not in it
    with pytest.raises(UnreachableError):
        _judged(slapd.upstream(**other), "alice", _PASSWORD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LDAPTLS_CACERT", str(Authority(tmp_path, "stranger").file))
        patch.setenv("LDAPTLS_REQCERT", "never")
        for row in (slapd.upstream(), started):
            with pytest.raises(UnreachableError):
                _judged(row, "alice", _PASSWORD)


def test_a_directory_that_is_down_says_so_and_counts_nothing(slapd: Slapd) -> None:
    nowhere = free_address().replace("http", "ldap")
    upstream = slapd.upstream(address=nowhere)
    for _ in range(25):
        page = _sign_in(Client(), upstream, "alice", _PASSWORD)
        assert page.status_code == 503
    assert "can’t be reached" in page.content.decode()
    assert _PASSWORD not in page.content.decode()
    assert "directory failed" in Event.objects.latest("pk").reason
    wrong = slapd.upstream()
    wrong.secret = "not it"
    wrong.save()
    assert _sign_in(Client(), wrong, "alice", _PASSWORD).status_code == 503


def test_guessing_ends_whatever_the_name_is_spelt_like(slapd: Slapd) -> None:
    upstream = slapd.upstream()
    spellings = ("bob", "BOB", " bob", "bob@corp.test", "bob  ")
    seen = [
        _sign_in(Client(), upstream, spellings[n % len(spellings)], "wrong").status_code
        for n in range(21)
    ]
    assert seen == [200] * 20 + [429]
    assert _sign_in(Client(), upstream, "bob", "secret of bob").status_code == 429
    assert "refused the name or the password" in Event.objects.latest("pk").reason


def test_the_sign_in_page_leads_to_the_directory_with_what_was_typed_and_goes_on(
    slapd: Slapd,
) -> None:
    upstream, client = slapd.upstream(), Client()
    domain = f"{upstream.slug}.test"
    upstream.email_domains = [domain]
    upstream.save()
    typed = {"login": f"alice@{domain}", "password": ""}
    led = client.post("/account/login/?next=/account/preferences/", typed, follow=True)
    assert f'value="alice@{domain}"' in led.content.decode()
    assert led.request["PATH_INFO"] == f"/account/login/directory/{upstream.slug}/"
    form = {"login": "alice", "password": _PASSWORD, "state": led.context["state"]}
    done = client.post(led.request["PATH_INFO"], form)
    assert done["Location"].endswith("/account/preferences/") or "next=" in done["Location"]
    assert _sign_in(Client(), upstream, "alice", _PASSWORD).status_code == 302
    User.objects.get(email="alice@corp.test").delete()


def test_a_state_works_once_and_in_its_own_browser(slapd: Slapd) -> None:
    upstream, client = slapd.upstream(), Client()
    page = client.get(f"/account/login/directory/{upstream.slug}/")
    form = {"login": "alice", "password": "wrong", "state": page.context["state"]}
    address = page.request["PATH_INFO"]
    assert Client().post(address, form).status_code == 302  # to the sign-in page
    assert client.post(address, form).status_code == 200
    assert client.post(address, form).status_code == 302


def test_subjects_of_active_directory_are_read_as_it_shows_them(python_ldap: None) -> None:
    from accounts.upstream.directory import people

    row = Upstream(kind="ldap", settings={"address": "ldaps://ad", "base": "dc=x"})
    directory = replace(declared.directory_of(row), subject="objectGUID")
    guid = uuid.UUID("3f79048f-42cd-4c77-8426-835cd9f8a3ad")
    entry = people._Entry("cn=x", {"objectGUID": [guid.bytes_le]})
    assert people._subject(directory, entry) == str(guid)
    assert kinds.named("ldap") is not None
