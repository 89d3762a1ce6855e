"""What `check --deploy` and `serve` say: of development's defaults, and of a sound production."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from idp import deploy_checks
from tests import forked

SOUND = {
    "IDP_ISSUER": "https://id.example.com",
    "IDP_SECRET_KEYS": "0123456789abcdef" * 4,
    "EMAIL_URL": "smtp+tls://user:password@mail.example.com:587",
    "IDP_TRUSTED_PROXY_COUNT": "1",
}


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return forked.manage(*arguments, environment={**kept, **environment})


def test_a_sound_production_has_nothing_to_complain_about() -> None:
    checked = manage("check", "--deploy", "--fail-level", "WARNING", **SOUND)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    ("memory", "passes", "is_enough"),
    [("47104", "1", True), ("7168", "5", True), ("19456", "1", False), ("4096", "20", False)],
)
def test_argon2_is_at_least_what_owasp_advises(memory: str, passes: str, is_enough: bool) -> None:
    strength = {"IDP_ARGON2_MEMORY_KIB": memory, "IDP_ARGON2_PASSES": passes}
    checked = manage("check", "--deploy", **SOUND, **strength)
    assert (checked.returncode == 0) is is_enough
    assert ("idp.E017" in checked.stderr) is not is_enough


def test_the_development_defaults_are_fine_where_they_are_meant() -> None:
    checked = manage("check", "--fail-level", "WARNING")
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"IDP_ISSUER": "http://id.example.com"}, "idp.E010"),
        ({"IDP_SECRET_KEYS": ""}, "idp.E01"),
        ({"IDP_SECRET_KEYS": "short"}, "idp.E012"),
        ({"CACHE_URL": "locmemcache://"}, "idp.E013"),
        ({"EMAIL_URL": "consolemail://"}, "idp.E014"),
        ({"IDP_DEMO": "true"}, "idp.E015"),
        ({"IDP_PRIVATE_URI_SCHEMES": "cursor,javascript"}, "idp.E020"),
        ({"IDP_PRIVATE_URI_SCHEMES": "vscode:"}, "idp.E020"),
        ({"IDP_PRIVATE_URI_SCHEMES": "https"}, "idp.E020"),
        ({"IDP_ISSUER": "https://id.example.com/admin"}, "idp.E002"),
        ({"IDP_ISSUER": "https://user@id.example.com"}, "idp.E002"),
        ({"IDP_ISSUER": "https://[::1"}, "idp.E002"),
        ({"DATABASE_URL": "postgres://u@localhost/d?statement_timeout=10s"}, "idp.E018"),
        ({"EMAIL_URL": "smtp+tls://u:p@mail.example.com?timeout=soon"}, "idp.E018"),
        ({"CACHE_URL": "redis://localhost/0?socket_timeout=no"}, "idp.E018"),
        ({"IDP_SIGNUP": "perhaps"}, "idp.E001"),
        ({"IDP_REGISTRATION": "perhaps"}, "idp.E003"),
        ({"IDP_CLIENT_ID_METADATA": "perhaps"}, "idp.E008"),
        ({"IDP_CLIENT_ID_METADATA_HOSTS": "a.example,https://b.example"}, "idp.E009"),
        ({"IDP_REGISTRATION_GRANTS": "authorization_code telepathy"}, "idp.E004"),
        ({"IDP_REGISTRATION_RESPONSE_TYPES": "code,telepathy"}, "idp.E004"),
        ({"IDP_RECENT_SIGN_IN_MINUTES": "0"}, "idp.E006"),
        ({"IDP_SESSION_IDLE_HOURS": "0"}, "idp.E006"),
        ({"IDP_SOFTWARE_STATEMENT_ISSUERS": "https://trust.example"}, "idp.E007"),
        ({"IDP_SOFTWARE_STATEMENT_ISSUERS": "https://a.example=http://a.example"}, "idp.E007"),
    ],
)
def test_each_unsafe_setting_is_named_as_an_error(changes: dict[str, str], check: str) -> None:
    checked = manage("check", "--deploy", **{**SOUND, **changes})
    assert check in checked.stderr
    assert checked.returncode == 1  # as of errors alone


@pytest.mark.parametrize(
    ("name", "value"),
    [("IDP_ISSUER", "http://id.example.com"), ("IDP_DEMO", "true"), ("IDP_SIGNUP", "perhaps")],
)
def test_serve_refuses_errors_whether_of_the_deployment_or_of_the_settings(
    name: str, value: str
) -> None:
    served = manage("serve", "--bind", "127.0.0.1:1", **{**SOUND, name: value})
    assert served.returncode != 0
    assert "unsafe" in served.stderr or "idp.E" in served.stderr


@pytest.mark.parametrize("name", ["statement_timeout", "connect_timeout"])
def test_waiting_without_end_is_warned_of(name: str) -> None:
    environment = {**SOUND, "DATABASE_URL": f"postgres://u@localhost/d?{name}=0"}
    assert "idp.W019" in manage("check", "--deploy", **environment).stderr


def test_a_folder_of_pictures_that_cannot_be_written_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environment = {**SOUND, "IDP_MEDIA_ROOT": f"{tmp_path}/file/media"}
    assert "idp.W024" in manage("check", "--deploy", **environment).stderr


def test_unset_secrets_are_the_development_key() -> None:
    environment = {name: value for name, value in SOUND.items() if name != "IDP_SECRET_KEYS"}
    assert "idp.E011" in manage("check", "--deploy", **environment).stderr


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"IDP_THREADS": "many"}, "IDP_THREADS is no whole number: many."),
        ({"IDP_STAFF_SECOND_FACTOR": "ture"}, "IDP_STAFF_SECOND_FACTOR is neither true nor false"),
        ({"IDP_STORAGE_OPTIONS": "{s3cret"}, "IDP_STORAGE_OPTIONS is not JSON."),
        ({"DATABASE_URL": ""}, "DATABASE_URL can't be read."),
        ({"DATABASE_URL": "postgres://user:s3cret/@host/name"}, "DATABASE_URL can't be read."),
        ({"DATABASE_URL": "mysql://user:s3cret@host/name"}, "DATABASE_URL can't be read."),
        ({"CACHE_URL": "nonsense://user:s3cret@host"}, "CACHE_URL can't be read."),
        ({"IDP_SECRET_KEYS_FILE": "s3cret"}, "IDP_SECRET_KEYS and IDP_SECRET_KEYS_FILE are both"),
        ({"DATABASE_URL_FILE": "/nowhere"}, "DATABASE_URL_FILE: /nowhere can't be read: No such"),
        ({"DATABASE_URL_FILE": os.devnull}, f"DATABASE_URL_FILE: {os.devnull} is empty."),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence_and_nothing_runs_on_a_default(
    changes: dict[str, str], sentence: str
) -> None:
    for command in ("check", "worker"):
        run = manage(command, **{**SOUND, **changes})
        assert run.returncode == 1
        assert run.stderr.startswith(sentence)
        assert "Traceback" not in run.stderr
        assert "s3cret" not in run.stderr


def test_secrets_may_be_in_files(tmp_path: Path) -> None:
    """Keys in lines, as the text editor left them; a $ is a character like others."""
    (tmp_path / "keys").write_text(f"${'a' * 40}\n${'b' * 40}\n")
    (tmp_path / "database").write_text(f"sqlite:///{tmp_path}/named-in-a-file.sqlite3\n")
    environment = {name: value for name, value in SOUND.items() if name != "IDP_SECRET_KEYS"}
    environment |= {"IDP_SECRET_KEYS_FILE": f"{tmp_path}/keys"}
    environment |= {"DATABASE_URL_FILE": f"{tmp_path}/database"}
    said = "from django.conf import settings; print(settings.IDP_SECRET_KEYS, settings.DATABASES)"
    shown = manage("shell", "--verbosity", "0", "--command", said, **environment)
    assert f"['${'a' * 40}', '${'b' * 40}']" in shown.stdout, shown.stderr
    assert "named-in-a-file.sqlite3" in shown.stdout


def test_a_database_without_tables_is_said_in_a_sentence(tmp_path: Path) -> None:
    served = manage("serve", **SOUND, DATABASE_URL=f"sqlite:///{tmp_path}/new.sqlite3")
    assert served.returncode == 1
    assert "The database has no tables yet: run signet migrate" in served.stderr
    assert served.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"IDP_CLIENT_CERTIFICATE_HEADER": "X_Ssl_Cert"}, "idp.E040"),
        ({"IDP_CLIENT_CERTIFICATE_FORMAT": "der"}, "idp.E041"),
        ({"IDP_CLIENT_CERTIFICATE_PROXIES": []}, "idp.E042"),
        ({"IDP_CLIENT_CERTIFICATE_PROXIES": ["10.0.0.1/8"]}, "idp.E043"),
        ({"IDP_CLIENT_CERTIFICATE_PROXIES": ["0.0.0.0/0"]}, "idp.E044"),
        ({"IDP_MTLS_URL": "http://mtls.example"}, "idp.E045"),
        ({"IDP_CLIENT_CERTIFICATE_VERIFIED_HEADER": "Ssl-Verify"}, "idp.W046"),
        ({}, ""),
    ],
)
def test_nobody_may_pretend_to_have_a_certificate(
    changes: dict[str, Any], check: str, settings: Any
) -> None:
    without_hyphens = {
        "IDP_CLIENT_CERTIFICATE_HEADER": "SslClientCert",
        "IDP_CLIENT_CERTIFICATE_VERIFIED_HEADER": "SslClientVerify",
    }
    for name, value in {**without_hyphens, **changes}.items():
        setattr(settings, name, value)
    found = {message.id for message in deploy_checks.values_are_known()}
    assert {name for name in found if name >= "idp.E040"} == ({check} if check else set())
