# $ pip install mozilla-django-oidc
#
# At the end of your settings.py. In urls.py:
#
#     path("oidc/", include("mozilla_django_oidc.urls")),
#
# {% url "oidc_authentication_init" %} is where signing in begins. A form that POSTs to
# {% url "oidc_logout" %} signs the user out here, and at the provider.
#
# $ OIDC_CLIENT_SECRET=… python manage.py runserver localhost:5003

import os
from urllib.parse import urlencode

INSTALLED_APPS += ["mozilla_django_oidc"]
AUTHENTICATION_BACKENDS = ["mozilla_django_oidc.auth.OIDCAuthenticationBackend"]
LOGIN_URL = "oidc_authentication_init"
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "/"

OIDC_RP_CLIENT_ID = "your-client-id"
OIDC_RP_CLIENT_SECRET = os.environ["OIDC_CLIENT_SECRET"]
OIDC_RP_SCOPES = "openid profile email"
OIDC_RP_SIGN_ALGO = "RS256"
OIDC_USE_PKCE = True
OIDC_TOKEN_USE_BASIC_AUTH = True
OIDC_OP_AUTHORIZATION_ENDPOINT = "https://id.example.com/authorize"
OIDC_OP_TOKEN_ENDPOINT = "https://id.example.com/token"
OIDC_OP_USER_ENDPOINT = "https://id.example.com/userinfo"
OIDC_OP_JWKS_ENDPOINT = "https://id.example.com/jwks"
OIDC_OP_LOGOUT_URL_METHOD = f"{__name__}.end_session"
OIDC_STORE_ID_TOKEN = True


def end_session(request):
    """Return the address that signs the user out at the provider, too."""
    query = {
        "id_token_hint": request.session.get("oidc_id_token", ""),
        "post_logout_redirect_uri": request.build_absolute_uri("/"),
    }
    return f"https://id.example.com/end_session?{urlencode(query)}"
