"""A project with django-oidc-provider, run by a Python that has it: `… DATABASE`.

It answers real requests, writes a SQLite database, and prints as JSON what users and apps hold.
"""

import json
import secrets
import sys
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import django
from django.conf import settings
from django.urls import include, path

CALLBACK = "https://shop.example/callback"
SECRET = secrets.token_hex(28)


def configure(database: str) -> None:
    settings.configure(
        SECRET_KEY="of-the-old-project",
        ALLOWED_HOSTS=["*"],
        USE_TZ=True,
        ROOT_URLCONF=__name__,
        SITE_URL="https://old.example",
        LOGIN_URL="/login/",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "oidc_provider",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        TEMPLATES=[
            {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}
        ],
    )
    django.setup()


def main() -> dict[str, object]:
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client
    from django.utils import timezone
    from oidc_provider.models import Client as App
    from oidc_provider.models import ResponseType, RSAKey, Token, UserConsent

    call_command("migrate", verbosity=0)
    call_command("creatersakey", stdout=sys.stderr)
    number = secrets.randbelow(10**9) + 1000
    user = get_user_model().objects.create_user(
        f"anna{number}", f"anna{number}@old.example", pk=number
    )
    app = App.objects.create(
        name="Market", client_id="market", client_secret=SECRET, require_consent=False
    )
    app.response_types.add(ResponseType.objects.get(value="code"))
    app.redirect_uris = [CALLBACK]
    app.save()
    hybrid = App.objects.create(name="Hybrid", client_id="hybrid", client_secret=SECRET)
    hybrid.response_types.add(*ResponseType.objects.filter(value__in=["code", "code id_token"]))
    hybrid.redirect_uris = [CALLBACK, "http://weak.example/callback"]
    hybrid.save()
    now = timezone.now()
    UserConsent.objects.create(
        user=user,
        client=hybrid,
        _scope="openid email",
        date_given=now,
        expires_at=now + timedelta(days=90),
    )
    http = Client()
    http.force_login(user)

    def code() -> str:
        response = http.get(
            "/openid/authorize",
            {
                "response_type": "code",
                "client_id": "market",
                "redirect_uri": CALLBACK,
                "scope": "openid email",
                "nonce": "the-nonce",
                "state": "s",
            },
        )
        assert response.status_code == 302, response.content
        return parse_qs(urlsplit(response["Location"]).query)["code"][0]

    def tokens(given: str) -> dict[str, str]:
        form = {
            "grant_type": "authorization_code",
            "code": given,
            "redirect_uri": CALLBACK,
            "client_id": "market",
            "client_secret": SECRET,
        }
        response = http.post("/openid/token", form)
        assert response.status_code == 200, response.content
        return response.json()

    held: dict[str, object] = {"secret": SECRET, "user_id": user.pk, "email": user.email}
    held["live"] = tokens(code())
    held["code"] = code()
    held["used_code"] = used = code()
    tokens(used)
    held["expired"] = expired = tokens(code())
    rows = Token.objects.filter(access_token=expired["access_token"])
    assert rows.update(expires_at=now - timedelta(minutes=1)) == 1
    [key] = RSAKey.objects.all()
    held["kid"] = key.kid
    return held


if __name__ == "__main__":
    configure(sys.argv[1])
    urlpatterns = [path("openid/", include("oidc_provider.urls", namespace="oidc_provider"))]
    print(json.dumps(main()))
