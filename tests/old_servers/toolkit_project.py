"""A project with django-oauth-toolkit, run by a Python that has it: `… DATABASE PREFIX [HELD]`.

It answers real requests, writes a SQLite database, and prints as JSON what users and apps hold.
With what they held before, it goes on.
"""

import base64
import hashlib
import json
import secrets
import sys
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import django
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.urls import include, path

KEY = (
    generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)
VERIFIER = "v" * 43
CALLBACK = "https://shop.example/callback"
SECRET = secrets.token_urlsafe(40)
#: What the ids of apps begin with.
PREFIX = sys.argv[2]
SHOP, PLAIN, MACHINE = (f"{PREFIX}-{name}" for name in ("shop", "plain", "machine"))
PASSWORD = "a password of the old server"


class QuickHasher(PBKDF2PasswordHasher):
    """Django's own, with less work, as a project's test settings have it."""

    iterations = 1000


def configure(database: str) -> None:
    settings.configure(
        SECRET_KEY="of-the-old-project",
        ALLOWED_HOSTS=["*"],
        USE_TZ=True,
        PASSWORD_HASHERS=[f"{__name__}.QuickHasher"],
        ROOT_URLCONF=__name__,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "oauth2_provider",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "OIDC_RSA_PRIVATE_KEY": KEY,
            "PKCE_REQUIRED": False,
            "SCOPES": {"openid": "", "email": "", "read": "", "write": ""},
        },
    )
    django.setup()


class Project:
    """The old server with its apps and users."""

    def __init__(self) -> None:
        from django.contrib.auth import get_user_model
        from django.core.management import call_command
        from django.test import Client

        call_command("migrate", verbosity=0)
        number = secrets.randbelow(10**9) + 1000
        self.user = get_user_model().objects.create_user(
            f"anna{number}", f"anna{number}@old.example", PASSWORD, pk=number
        )
        self.http = Client()
        self.http.force_login(self.user)

    def app(self, client_id: str, **columns: object) -> None:
        from oauth2_provider.models import get_application_model

        defaults = {
            "client_type": "confidential",
            "authorization_grant_type": "authorization-code",
            "client_secret": SECRET,
            "redirect_uris": CALLBACK,
            "algorithm": "RS256",
        }
        get_application_model().objects.create(
            client_id=client_id, name=client_id.title(), **{**defaults, **columns}
        )

    def code(self, client_id: str, **parameters: str) -> str:
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": CALLBACK,
            "scope": "openid email read",
            "nonce": "the-nonce",
            "allow": "Authorize",
            **parameters,
        }
        response = self.http.post("/o/authorize/", asked)
        assert response.status_code == 302, response.content
        return parse_qs(urlsplit(response["Location"]).query)["code"][0]

    def token(self, client_id: str, **form: str) -> dict[str, str]:
        response = self.http.post("/o/token/", form, headers=basic(client_id))
        assert response.status_code == 200, response.content
        return response.json()

    def tokens(self, client_id: str) -> dict[str, str]:
        code = self.code(client_id)
        return self.token(
            client_id, grant_type="authorization_code", code=code, redirect_uri=CALLBACK
        )


def basic(client_id: str, secret: str = SECRET) -> dict[str, str]:
    credentials = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {credentials}"}


def main() -> dict[str, object]:
    from django.utils import timezone
    from oauth2_provider.models import get_access_token_model

    project = Project()
    project.app(SHOP)
    project.app(PLAIN, hash_client_secret=False, skip_authorization=True)
    project.app(f"{PREFIX}-weak", redirect_uris=f"http://weak.example/callback {CALLBACK}")
    project.app(MACHINE, authorization_grant_type="client-credentials", redirect_uris="")
    held: dict[str, object] = {"key": KEY, "secret": SECRET}
    held |= {"user_id": project.user.pk, "email": project.user.email}
    held["live"] = project.tokens(SHOP)
    held["plain"] = project.tokens(PLAIN)
    held["machine"] = project.token(MACHINE, grant_type="client_credentials", scope="read")
    held["code"] = project.code(SHOP)
    challenge = {"code_challenge": VERIFIER, "code_challenge_method": "plain"}
    held["with_challenge"] = project.code(SHOP, **challenge)
    held["stolen"] = project.code(SHOP, **challenge)
    held["used_code"] = project.code(SHOP)
    project.token(
        SHOP,
        grant_type="authorization_code",
        code=str(held["used_code"]),
        redirect_uri=CALLBACK,
    )
    held["revoked"] = revoked = project.tokens(SHOP)
    form = {"token": revoked["refresh_token"]}
    assert project.http.post("/o/revoke_token/", form, headers=basic(SHOP)).status_code == 200
    held["expired"] = expired = project.tokens(SHOP)
    tokens = get_access_token_model().objects
    checksum = hashlib.sha256(expired["access_token"].encode()).hexdigest()
    rows = tokens.filter(token_checksum=checksum)
    assert rows.update(expires=timezone.now() - timedelta(minutes=1)) == 1
    # One that the old server goes on with after a first import.
    held["moving"] = project.tokens(SHOP)
    held["moving_code"] = project.code(SHOP)
    return held


def go_on(held: dict[str, dict[str, str]]) -> dict[str, object]:
    """Use at the old server what a first import has taken."""
    from django.test import Client

    http = Client()
    for form in (
        {"grant_type": "refresh_token", "refresh_token": held["moving"]["refresh_token"]},
        {
            "grant_type": "authorization_code",
            "code": str(held["moving_code"]),
            "redirect_uri": CALLBACK,
        },
    ):
        response = http.post("/o/token/", form, headers=basic(SHOP, str(held["secret"])))
        assert response.status_code == 200, response.content
        gone_on = response.json()
    return {"from_code": gone_on}


if __name__ == "__main__":
    configure(sys.argv[1])
    urlpatterns = [path("o/", include("oauth2_provider.urls", namespace="oauth2_provider"))]
    print(json.dumps(go_on(json.loads(sys.argv[3])) if len(sys.argv) > 3 else main()))
