"""Settings of a test run: the project's own, with an address of its own and cheap passwords.

The process that runs the tests and the server it starts share the issuer and the database.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from tests.ports import free_port

_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
if "SIGNET_TEST_SERVER" not in os.environ:
    os.environ["IDP_ISSUER"] = f"http://localhost:{free_port()}"
    os.environ["SIGNET_TEST_MAIL"] = tempfile.mkdtemp(prefix="signet-mail-")
    atexit.register(shutil.rmtree, os.environ["SIGNET_TEST_MAIL"], ignore_errors=True)
    _, os.environ["SIGNET_TEST_CLOCK"] = tempfile.mkstemp(prefix="signet-clock-")
    Path(os.environ["SIGNET_TEST_CLOCK"]).write_text("0")
    atexit.register(Path(os.environ["SIGNET_TEST_CLOCK"]).unlink, missing_ok=True)
    os.environ["IDP_MEDIA_ROOT"] = tempfile.mkdtemp(prefix="signet-media-")
    atexit.register(shutil.rmtree, os.environ["IDP_MEDIA_ROOT"], ignore_errors=True)
    os.environ["IDP_TRUSTED_PROXY_COUNT"] = "1"
    os.environ["IDP_REGISTRATION"] = "open"
    os.environ["IDP_CLIENT_ID_METADATA"] = "open"
    os.environ["IDP_OWNERS_CHANGE_APPS"] = "on"
    os.environ["IDP_PRIVATE_URI_SCHEMES"] = "cursor,vscode"
    # Tests are their own reverse proxy (tests.certificates).
    os.environ["IDP_CLIENT_CERTIFICATE_HEADER"] = "SslClientCert"
    os.environ["IDP_CLIENT_CERTIFICATE_VERIFIED_HEADER"] = "SslClientVerify"
    os.environ["IDP_CLIENT_CERTIFICATE_PROXIES"] = "127.0.0.1"
    os.environ["IDP_MTLS_URL"] = "https://mtls.example"
    # Where the tests' own web servers are (tests.elsewhere), and who vouches for them.
    os.environ["IDP_OUTBOUND_ALLOW"] = "localhost"
    os.environ["IDP_OUTBOUND_CA_BUNDLE"] = os.environ["SIGNET_TEST_MAIL"] + "/authority.pem"
    # No test asks a server that a public authority vouches for. To load their certificates takes
    # each `httpx.get` 30 ms; a directory is only looked into.
    os.environ.pop("SSL_CERT_FILE", None)
    os.environ["SSL_CERT_DIR"] = os.environ["SIGNET_TEST_MAIL"]
os.environ["EMAIL_URL"] = f"filemail:///{os.environ['SIGNET_TEST_MAIL']}"

from foundation.logs import logging_configuration  # noqa: E402
from idp.settings import *  # noqa: E402, F403
from idp.settings import CACHES, DATABASES, INSTALLED_APPS, PASSWORD_HASHERS  # noqa: E402

MAIL_DIRECTORY = Path(os.environ["SIGNET_TEST_MAIL"])
# In one database for all workers: `cache.clear` would empty the others' caches, too.
CACHES["default"]["KEY_PREFIX"] = _WORKER
DATABASES["default"].setdefault("TEST", {})
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, so that the server and the tests see the same rows.
    DATABASES["default"]["TEST"]["NAME"] = str(MAIL_DIRECTORY / "test.sqlite3")
else:
    # Copied, tables and all: scripts/test has migrated it.
    DATABASES["default"]["TEST"]["TEMPLATE"] = DATABASES["default"]["NAME"]

LOGGING = logging_configuration(json=True)  # as in production; tests read it
PASSWORD_HASHERS = ["tests.passwords.CheapArgon2", *PASSWORD_HASHERS[1:]]
INSTALLED_APPS = [
    *INSTALLED_APPS,
    *("tests.clock.TestClock", "tests.recording.Recorder", "tests.own_mail.SendsOwnMail"),
]
