# pip install mozilla-django-oidc
#
# At the end of your settings.py. In urls.py:
#
#     path("oidc/", include("mozilla_django_oidc.urls")),
#
# {% url "oidc_authentication_init" %} is where signing in begins.
#
# OIDC_CLIENT_SECRET=… python manage.py runserver localhost:5003

import os

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
