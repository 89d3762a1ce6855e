"""The Django project's settings, and the only reader of the environment.

Everything has a default that suits development on a loopback address. On any other address,
`manage.py serve` refuses to start until unsafe settings are changed; `deploy_checks` names them and
the reason.
"""

import os
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from foundation.environment import Environment
from foundation.logs import logging_configuration
from idp import issuer, old_addresses
from idp.folders import DATA, SHIPPED

#: Variables that may be in a file instead, whose path is in NAME_FILE.
SECRETS = (
    *("IDP_SECRET_KEYS", "DATABASE_URL", "CACHE_URL", "EMAIL_URL", "IDP_STORAGE_OPTIONS"),
    *("IDP_AUDIT_STREAM", "IDP_AUDIT_TOKEN", "IDP_PUSH_URL", "IDP_PUSH_TOKEN"),
)
env = Environment(os.environ, SECRETS)

# --- The issuer -----------------------------------------------------------------------------

#: The issuer identifier: scheme, host and maybe a path, no trailing slash (OIDC Core §2).
IDP_ISSUER: str
#: The problem of an invalid issuer; `check` reports it (idp.deploy_checks).
IDP_ISSUER_PROBLEM: str = ""
try:
    IDP_ISSUER = issuer.normalized(env.str("IDP_ISSUER", default="http://localhost:8000"))
except issuer.UnusableIssuerError as problem:
    IDP_ISSUER, IDP_ISSUER_PROBLEM = issuer.UNUSABLE, str(problem)
_issuer = urlsplit(IDP_ISSUER)
#: Its origin, and its path: empty, or such as `/auth`.
IDP_ORIGIN: str = issuer.origin_of(IDP_ISSUER)
IDP_PATH: str = issuer.path_of(IDP_ISSUER)
#: Whether this is a developer's own machine, where the development defaults are fine.
IDP_DEVELOPMENT: bool = _issuer.hostname in {"localhost", "127.0.0.1", "::1"}
#: Whether the demo users and clients of examples/demo.yaml are meant to be here.
IDP_DEMO: bool = env.bool("IDP_DEMO", default=False)

#: Paths of a server before this one that are answered here, by what they stand for
#: (idp.old_addresses).
IDP_OLD_ADDRESSES: dict[str, str] = {}
try:
    IDP_OLD_ADDRESSES = old_addresses.parsed(
        entry.strip() for entry in env.list("IDP_OLD_ADDRESSES", default=[]) if entry.strip()
    )
except old_addresses.UnusableOldAddressError as unusable:
    env.problems.append(f"IDP_OLD_ADDRESSES: {unusable}")

# --- Secrets --------------------------------------------------------------------------------

DEVELOPMENT_SECRET_KEY = "development-only-secret-never-use-it-where-others-can-reach"
#: Server keys, newest first: the first encrypts and signs, all of them decrypt and verify.
#: Separated by commas or, as is natural in a file, by lines.
IDP_SECRET_KEYS: list[str] = [
    key.strip()
    for key in env.str("IDP_SECRET_KEYS", default="").replace("\n", ",").split(",")
    if key.strip()
] or [DEVELOPMENT_SECRET_KEY]
SECRET_KEY, *SECRET_KEY_FALLBACKS = IDP_SECRET_KEYS

# --- Registration, sign-up -------------------------------------------------------------------

#: Who may create an account: "open", "invite" (an operator creates it) or "closed".
IDP_SIGNUP: str = env.str("IDP_SIGNUP", default="open")
#: Terms of service that users accept when they sign in: an HTTPS URL, a version of up to 50
#: characters, and when they come into force (ISO 8601; empty: at once). docs/operators.md
IDP_TERMS_URL: str = env.str("IDP_TERMS_URL", default="")
IDP_TERMS_VERSION: str = env.str("IDP_TERMS_VERSION", default="")
IDP_TERMS_SINCE: str = env.str("IDP_TERMS_SINCE", default="")
#: What a new account begins with: a "password", a "passkey", or one of them by the user's choice.
IDP_SIGNUP_METHODS: list[str] = [
    method.strip() for method in env.list("IDP_SIGNUP_METHODS", default=["password", "passkey"])
]
#: The response types that discovery offers to all clients, separated by commas; it adds those that
#: an operator has enabled for a client (docs/adr/0011).
IDP_RESPONSE_TYPES: list[str] = env.list("IDP_RESPONSE_TYPES", default=["code"])
#: Who may register clients: none ("closed"), holders of an initial access token ("token"), or all
#: ("open").
IDP_REGISTRATION: str = env.str("IDP_REGISTRATION", default="closed")
#: What they may register, unless an initial access token says otherwise: grant types, separated by
#: spaces, and response types, separated by commas since one can be of several words.
IDP_REGISTRATION_GRANTS: list[str] = env.str(
    "IDP_REGISTRATION_GRANTS", default="authorization_code refresh_token"
).split()
IDP_REGISTRATION_RESPONSE_TYPES: list[str] = env.list(
    "IDP_REGISTRATION_RESPONSE_TYPES", default=["code"]
)
#: Whether logos of apps that registered themselves, or came with a document, are fetched and shown.
IDP_REGISTRATION_LOGOS: bool = env.bool("IDP_REGISTRATION_LOGOS", default=False)
#: Whether a client may come with a document of its own instead, at the https address that is its
#: client_id: "closed" or "open"; and the hosts where such documents may be, any if none is named.
IDP_CLIENT_ID_METADATA: str = env.str("IDP_CLIENT_ID_METADATA", default="closed")
IDP_CLIENT_ID_METADATA_HOSTS: list[str] = [
    host.strip().lower()
    for host in env.list("IDP_CLIENT_ID_METADATA_HOSTS", default=[])
    if host.strip()
]
#: Whether every authorization request has to be pushed (RFC 9126 §5), and whether a pushed request
#: may bring a redirect URI that its app did not register (§2.4), if the app authenticates itself.
IDP_DPOP_NONCES: bool = env.bool("IDP_DPOP_NONCES", default=False)
IDP_REQUIRE_PUSHED_AUTHORIZATION_REQUESTS: bool = env.bool(
    "IDP_REQUIRE_PUSHED_AUTHORIZATION_REQUESTS", default=False
)
IDP_PUSHED_REDIRECT_URIS: bool = env.bool("IDP_PUSHED_REDIRECT_URIS", default=False)
#: Whether owners, who need not be staff, change redirect URIs and secrets of their apps, and test
#: their sign-in.
IDP_OWNERS_CHANGE_APPS: bool = env.bool("IDP_OWNERS_CHANGE_APPS", default=False)
#: Private-use URI schemes without a dot that redirect URIs of native apps may have, such as vscode.
IDP_PRIVATE_URI_SCHEMES: list[str] = [
    scheme.strip().lower()
    for scheme in env.list("IDP_PRIVATE_URI_SCHEMES", default=[])
    if scheme.strip()
]
#: Classes, by dotted path, that know where claims are found that others assert (idp.claim_sources).
IDP_CLAIM_SOURCES: list[str] = [
    path.strip() for path in env.list("IDP_CLAIM_SOURCES", default=[]) if path.strip()
]
#: Whether each use of a registration access token that is answered with one answers with a new one.
IDP_REGISTRATION_TOKEN_ROTATION: bool = env.bool("IDP_REGISTRATION_TOKEN_ROTATION", default=False)
#: Trusted issuers of software statements: `issuer=jwks_uri` pairs, separated by commas.
IDP_SOFTWARE_STATEMENT_ISSUERS: list[str] = [
    entry.strip()
    for entry in env.list("IDP_SOFTWARE_STATEMENT_ISSUERS", default=[])
    if entry.strip()
]
#: How many reverse proxies append to X-Forwarded-For; the addresses before are not trusted.
IDP_TRUSTED_PROXY_COUNT: int = env.int("IDP_TRUSTED_PROXY_COUNT", default=0)

#: The header with the certificate of a TLS client, which a reverse proxy sets; empty for none. Its
#: format: "pem", percent-encoded, or "rfc9440". The header that says SUCCESS if the proxy verified
#: that an authority it trusts issued it. And who is believed: the addresses, or networks, from
#: which the reverse proxies connect.
IDP_CLIENT_CERTIFICATE_HEADER: str = env.str("IDP_CLIENT_CERTIFICATE_HEADER", default="").strip()
IDP_CLIENT_CERTIFICATE_FORMAT: str = env.str("IDP_CLIENT_CERTIFICATE_FORMAT", default="pem").strip()
IDP_CLIENT_CERTIFICATE_VERIFIED_HEADER: str = env.str(
    "IDP_CLIENT_CERTIFICATE_VERIFIED_HEADER", default=""
).strip()
IDP_CLIENT_CERTIFICATE_PROXIES: list[str] = [
    entry.strip()
    for entry in env.list("IDP_CLIENT_CERTIFICATE_PROXIES", default=[])
    if entry.strip()
]
#: Where apps come that use certificates, such as https://mtls.id.example.com: a host of its own, so
#: that no browser asks its user for a certificate. Empty: the issuer's.
IDP_MTLS_URL: str = ""
try:
    if _mtls_url := env.str("IDP_MTLS_URL", default="").strip():
        IDP_MTLS_URL = issuer.normalized(_mtls_url)
except issuer.UnusableIssuerError as unusable_url:
    env.problems.append(f"IDP_MTLS_URL can't be used. {unusable_url}")

#: Private addresses that outgoing requests may reach: hosts, host:port, or networks.
IDP_OUTBOUND_ALLOW: list[str] = [
    entry.strip().lower() for entry in env.list("IDP_OUTBOUND_ALLOW", default=[]) if entry.strip()
]
#: A file of certificates that outgoing requests trust beside the system's.
IDP_OUTBOUND_CA_BUNDLE: str = env.str("IDP_OUTBOUND_CA_BUNDLE", default="")

#: A file with places of IP addresses in MaxMind's format (.mmdb), for users' pages and mails.
IDP_GEOIP_DB: str = env.str("IDP_GEOIP_DB", default="")

#: Days from a user's request for deletion until the account is deleted.
IDP_DELETION_DAYS: int = env.int("IDP_DELETION_DAYS", default=14)
#: Claims that users see in their profile and can't edit.
IDP_PROFILE_LOCKED: list[str] = [
    claim.strip() for claim in env.list("IDP_PROFILE_LOCKED", default=[]) if claim.strip()
]
#: Days for which events stay.
IDP_EVENTS_KEPT_FOR_DAYS: int = env.int("IDP_EVENTS_KEPT_FOR_DAYS", default=365)
#: Whether the administration opens only to a sign-in with a second factor.
IDP_STAFF_SECOND_FACTOR: bool = env.bool("IDP_STAFF_SECOND_FACTOR", default=not IDP_DEVELOPMENT)

#: Days for which a browser is not asked for the second factor, if the user trusts it; 0: never.
IDP_TRUSTED_BROWSER_DAYS: int = env.int("IDP_TRUSTED_BROWSER_DAYS", default=30)

# --- Django ---------------------------------------------------------------------------------

DEBUG = False
ALLOWED_HOSTS = [
    issuer.host_of(IDP_ISSUER),
    *([issuer.host_of(IDP_MTLS_URL)] if IDP_MTLS_URL else []),
    *(["localhost", "127.0.0.1", "[::1]"] * IDP_DEVELOPMENT),
]
ROOT_URLCONF = "idp.urls"
FORCE_SCRIPT_NAME = IDP_PATH or None
WSGI_APPLICATION = "idp.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"

#: Of Signet itself. A project of one's own adds others to INSTALLED_APPS (docs/own-project.md).
IDP_APPS = [
    "idp.admin.app.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "oauth2_provider",
    "corsheaders",
    "csp",
    "foundation",
    "accounts",
    "idp",
]
INSTALLED_APPS = [*IDP_APPS]

#: Middleware of an operator's own, by dotted path. It sees every request, right within
#: identify_and_forbid_storing (docs/operators.md, "Middleware").
IDP_EXTRA_MIDDLEWARE: list[str] = [
    path.strip() for path in env.list("IDP_EXTRA_MIDDLEWARE", default=[]) if path.strip()
]
#: Of pages.
IDP_PAGE_MIDDLEWARE = [
    "idp.middleware.identify_and_forbid_storing",
    "idp.middleware.refuse_unreadable_addresses",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "idp.middleware.ContentSecurityPolicy",
    "idp.middleware.keep_browser_state",
    "idp.middleware.PageSessions",
    "idp.middleware.name_app",
    "idp.middleware.PageLocale",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
MIDDLEWARE = [IDP_PAGE_MIDDLEWARE[0], *IDP_EXTRA_MIDDLEWARE, *IDP_PAGE_MIDDLEWARE[1:]]
#: Of the authorization endpoint (idp.wsgi): the middleware that its redirects and few pages need.
IDP_AUTHORIZE_MIDDLEWARE = [
    "idp.middleware.identify_and_forbid_storing",
    "idp.middleware.refuse_unreadable_addresses",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "idp.middleware.ContentSecurityPolicy",
    "idp.middleware.keep_browser_state",
    "idp.middleware.PageSessions",
    "idp.middleware.PageLocale",
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.middleware.AuthenticationMiddleware",
]
#: Of the page for refused requests when there are too many (idp.wsgi): none uses a database.
IDP_TOO_BUSY_MIDDLEWARE = [
    "idp.middleware.identify_and_forbid_storing",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.locale.LocaleMiddleware",
]
#: Of protocol endpoints, which no browser comes to with a cookie of ours (idp.wsgi).
IDP_PROTOCOL_MIDDLEWARE = [
    "idp.middleware.identify_and_forbid_storing",
    "idp.middleware.protect_protocol_endpoints",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [SHIPPED / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "accounts.context.pages",
                "idp.context.continuing_to",
            ],
            "libraries": {
                "developers": "idp.developers.navigation",
                "list_cells": "idp.admin.list_cells",
            },
        },
    }
]

# --- Concurrency -----------------------------------------------------------------------------

#: How many requests one process works on at once, each with a database connection (`serve
#: --threads`), and how many requests of users may wait meanwhile; more are answered with 503.
IDP_THREADS: int = env.int("IDP_THREADS", default=4)
IDP_WAITING: int = env.int("IDP_WAITING", default=100)
#: Where `serve` shows metrics to Prometheus, as HOST:PORT; empty for nowhere.
IDP_METRICS: str = env.str("IDP_METRICS", default="")
#: Whether traces are sent: OpenTelemetry's own variables say where to (foundation.traces).
IDP_TRACES: bool = (
    bool(
        env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
        or env.str("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", default="")
    )
    and env.str("OTEL_TRACES_EXPORTER", default="otlp") != "none"
    and env.str("OTEL_SDK_DISABLED", default="false").lower() != "true"
)
IDP_TRACES_PROTOCOL: str = env.str(
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    default=env.str("OTEL_EXPORTER_OTLP_PROTOCOL", default="http/protobuf"),
)

# --- Databases -----------------------------------------------------------------------------------

DATABASES = {"default": env.database("DATABASE_URL", default=f"sqlite:///{DATA}/db.sqlite3")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A writer takes its lock at BEGIN, so that two never deadlock; readers continue beside it.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        **DATABASES["default"].get("OPTIONS", {}),
    }
else:
    DATABASES["default"]["ENGINE"] = "foundation.postgresql"
    DATABASES["default"].setdefault("CONN_MAX_AGE", None)
    # A connection is checked before use after a second without use.
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = str(
        DATABASES["default"].get("CONN_HEALTH_CHECKS", True)
    ).lower() in {"true", "1", "on"}
    DATABASES["default"]["OPTIONS"] = {
        # Statements are prepared once they repeat: planning those of seven tables costs more than
        # answering them.
        "server_side_binding": True,
        "prepare_threshold": 2,
        # Timeouts for a silent server: seconds to connect, milliseconds until sent data has to be
        # acknowledged, seconds between keepalives.
        "connect_timeout": 3,
        "tcp_user_timeout": 10_000,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        # Timeouts of a request's statements, in milliseconds: one statement, one lock, and a pause
        # within a transaction. Commands and the worker may take longer (foundation.postgresql).
        "statement_timeout": 10_000,
        "lock_timeout": 5_000,
        "idle_in_transaction_session_timeout": 60_000,
        **DATABASES["default"].get("OPTIONS", {}),
    }

CACHES = {"default": env.cache("CACHE_URL", default="dbcache://django_cache")}
if CACHES["default"]["BACKEND"].endswith("RedisCache"):
    # A server that is silent is given up after this many seconds.
    CACHES["default"]["OPTIONS"] = {
        "socket_connect_timeout": 1,
        "socket_timeout": 1,
        **CACHES["default"].get("OPTIONS", {}),
    }
elif CACHES["default"]["BACKEND"].endswith("DatabaseCache"):
    # Full, it throws away entries that still count wrong passwords. Django's default is 300.
    CACHES["default"]["OPTIONS"] = {"MAX_ENTRIES": 50_000}
SESSION_ENGINE = "accounts.browser_sessions"
#: Session limits in hours: idle and absolute; then for users who asked to stay signed in. ASVS
#: 7.1.1, 7.3.1, 7.3.2.
IDP_SESSION_IDLE_HOURS: int = env.int("IDP_SESSION_IDLE_HOURS", default=12)
IDP_SESSION_HOURS: int = env.int("IDP_SESSION_HOURS", default=24)
IDP_STAY_SIGNED_IN_IDLE_HOURS: int = env.int("IDP_STAY_SIGNED_IN_IDLE_HOURS", default=14 * 24)
IDP_STAY_SIGNED_IN_HOURS: int = env.int("IDP_STAY_SIGNED_IN_HOURS", default=90 * 24)
SESSION_COOKIE_AGE = IDP_STAY_SIGNED_IN_HOURS * 3600

# --- Users ----------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "account_home"

#: The strength of Argon2id; of OWASP's equals the one that takes the least time by default. Hashes
#: of another strength are replaced when their passwords are next used.
IDP_ARGON2_MEMORY_KIB: int = env.int("IDP_ARGON2_MEMORY_KIB", default=7 * 1024)
IDP_ARGON2_PASSES: int = env.int("IDP_ARGON2_PASSES", default=5)
IDP_ARGON2_LANES: int = env.int("IDP_ARGON2_LANES", default=1)
# The first hashes; the others verify hashes from before, or from another system.
PASSWORD_HASHERS = [
    "accounts.hashing.Argon2",
    "accounts.hashing.EarlierArgon2",
    "accounts.hashing.EarlierPBKDF2",
    "accounts.foreign_hashes.hashers.BCrypt",
    "accounts.foreign_hashes.hashers.BCryptSHA256",
    "accounts.foreign_hashes.hashers.PBKDF2",
    "accounts.foreign_hashes.hashers.PBKDF2SHA1",
    "accounts.foreign_hashes.hashers.Scrypt",
    "accounts.foreign_hashes.hashers.FirebaseScrypt",
    "accounts.foreign_hashes.hashers.SaltedDigest",
    "accounts.foreign_hashes.hashers.Crypt",
]
# Whether imports and `apply` take hashes of MD5-crypt, for which passwords are quickly guessed.
IDP_ALLOW_MD5_CRYPT: bool = env.bool("IDP_ALLOW_MD5_CRYPT", default=False)
# NIST SP 800-63B-4 §3.1.1.2: length and what is easy to guess, no rules of composition.
AUTH_PASSWORD_VALIDATORS = [{"NAME": "accounts.password_rules.PasswordRules"}]

ACCOUNT_ADAPTER = "accounts.allauth_door.adapter.Adapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_FORMS = {
    "login": "accounts.forms.SignInForm",
    "signup": "accounts.forms.SignUpForm",
    "reset_password": "accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.forms.NewPasswordForm",
    "confirm_password_reset_code": "accounts.forms.ResetCodeForm",
    "confirm_email_verification_code": "accounts.forms.VerificationCodeForm",
}
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = 600
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ALLAUTH_USER_CODE_FORMAT = {"numeric": True, "dashed": False, "length": 6}
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = 600
#: Whether users can sign in with a code that is mailed to them, instead of a password.
IDP_EMAIL_CODE_SIGN_IN: bool = env.bool("IDP_EMAIL_CODE_SIGN_IN", default=True)
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
ACCOUNT_LOGIN_TIMEOUT = 3600
#: Seconds for which a sign-in is recent: then no other one is needed to change authentication
#: methods, or for dangerous admin actions.
IDP_RECENT_SIGN_IN_MINUTES: int = env.int("IDP_RECENT_SIGN_IN_MINUTES", default=15)
ACCOUNT_REAUTHENTICATION_TIMEOUT = 60 * IDP_RECENT_SIGN_IN_MINUTES
ACCOUNT_SESSION_REMEMBER = None
# allauth would count in the cache. We count in the database (docs/rate-limits.md).
ACCOUNT_RATE_LIMITS = False
MFA_ADAPTER = "accounts.allauth_door.factor_adapter.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
#: Steps before and after the present one whose codes are accepted, each code once
#: (accounts.allauth_door.factors). RFC 6238 §5.2.
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODES_SHOW_ONCE = True
ALLAUTH_TRUSTED_PROXY_COUNT = IDP_TRUSTED_PROXY_COUNT

_email = env.email("EMAIL_URL", default="consolemail://")
#: Seconds that the mail server may take for each of its answers.
EMAIL_TIMEOUT: int = _email.pop("OPTIONS", {}).get("TIMEOUT", 10)
globals().update(_email)
#: Whether users are notified of sign-ins at browsers that are new to their account.
IDP_NEW_DEVICE_MAIL: bool = env.bool("IDP_NEW_DEVICE_MAIL", default=True)
DEFAULT_FROM_EMAIL = env.str("IDP_EMAIL_FROM", default=f"no-reply@{_issuer.hostname}")

# --- django-oauth-toolkit: its models are ours, its safer behaviour is on -----------------------

OAUTH2_PROVIDER_APPLICATION_MODEL = "idp.Client"
OAUTH2_PROVIDER_GRANT_MODEL = "idp.AuthorizationCode"
OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL = "idp.AccessToken"
OAUTH2_PROVIDER_REFRESH_TOKEN_MODEL = "idp.RefreshToken"
OAUTH2_PROVIDER_ID_TOKEN_MODEL = "idp.IDToken"
OAUTH2_PROVIDER_DEVICE_GRANT_MODEL = "idp.DeviceCode"
MIGRATION_MODULES = {"oauth2_provider": None}  # It has no tables: all its models are replaced.
OAUTH2_PROVIDER = {
    "OAUTH2_VALIDATOR_CLASS": "idp.toolkit.validator.Validator",
    "SCOPES_BACKEND_CLASS": "idp.toolkit.scopes.Scopes",
    # The authorization server in the toolkit's views (RFC 9728 §2), independent of the Host header.
    "OIDC_ISS_ENDPOINT": IDP_ISSUER,
    "DEFAULT_SCOPES": [],
    "PKCE_REQUIRED": True,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    "COMPLIANT_BCP_RFC9700_REFRESH_TOKEN": True,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_SCHEME": True,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_MATCHING": True,
    "COMPLIANT_BCP_RFC9700_PKCE_REQUIRED": True,
}

# --- Response headers -------------------------------------------------------------------------

_https = _issuer.scheme == "https"
# The prefix __Host- requires the path / (RFC 6265bis §4.1.3.2): such a cookie would go to every app
# of the host (docs/adr/0032). Cookies ignore ports, and on localhost every app has a "session".
_prefix = ("__Secure-" if IDP_PATH else "__Host-") if _https else "signet-"
SESSION_COOKIE_NAME = f"{_prefix}session"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = _https
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = LANGUAGE_COOKIE_PATH = IDP_PATH or "/"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = f"{_prefix}csrf"
LANGUAGE_COOKIE_NAME = f"{_prefix}language"
#: The colours of the pages (accounts.preferences).
THEME_COOKIE_NAME = f"{_prefix}theme"
MESSAGES_COOKIE_NAME = f"{_prefix}messages"
MESSAGE_STORAGE = "accounts.notices.Storage"
#: The cookie that finds a browser's inactive sessions (accounts.account_switching).
ACCOUNTS_COOKIE_NAME = f"{_prefix}accounts"
#: Names the accounts that were used at a browser before (accounts.known_browsers).
KNOWN_BROWSER_COOKIE_NAME = f"{_prefix}known-browser"
#: Identifies a browser to the accounts that trust it (accounts.trusted_browsers).
TRUSTED_BROWSER_COOKIE_NAME = f"{_prefix}trusted-browser"
#: How the last sign-in at a browser was done, such as "passkey" (accounts.last_method).
LAST_METHOD_COOKIE_NAME = f"{_prefix}last-method"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
CSRF_FAILURE_VIEW = "accounts.views.stale_form.show_step_again"
CSRF_TRUSTED_ORIGINS = [IDP_ORIGIN]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _https else 0
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = None  # a popup that signs in must find its opener again
if IDP_TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
}

# Paths, origins and credentials are decided in idp.endpoints.cors, so no path is open by its name
# alone.
CORS_URLS_REGEX = r"(?!)"
CORS_ALLOW_CREDENTIALS = False
# MCP clients in browsers send their protocol's version wherever they go.
CORS_ALLOW_HEADERS = ["authorization", "content-type", "accept", "dpop", "mcp-protocol-version"]
CORS_ALLOW_METHODS = ["GET", "POST", "OPTIONS"]
CORS_EXPOSE_HEADERS = ["DPoP-Nonce", "WWW-Authenticate"]

# The protocol's forms are small; larger bodies are answered with 413 (idp.wsgi).
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200

# Addresses of the protocol answer directly, on http too when a proxy speaks https for us (W008);
# subdomains and preloading are the domain owner's decision, not an application's (W005, W021).
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]

# --- Files of users: their pictures --------------------------------------------------------------

#: The folder that all processes share, or another storage of Django's by its dotted path, with its
#: options as JSON.
MEDIA_ROOT: str = env.str("IDP_MEDIA_ROOT", default=str(DATA / "var" / "media"))
STORAGES: dict[str, Any] = {
    "default": {
        "BACKEND": env.str(
            "IDP_STORAGE", default="django.core.files.storage.filesystem.FileSystemStorage"
        ),
        "OPTIONS": env.json("IDP_STORAGE_OPTIONS", default={}),
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
#: The folder of `collectstatic`: its files are compressed, and named by their content, so that
#: browsers keep them for a year. Empty: they are sent from where they are, and kept for 5 minutes.
STATIC_ROOT: str | None = env.str("IDP_STATIC_ROOT", default="") or None
if STATIC_ROOT:
    STORAGES["staticfiles"] = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}

# --- Languages, static files, logs ---------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [SHIPPED / "locale"]
STATIC_URL = f"{IDP_PATH}/static/"
STATICFILES_DIRS = [SHIPPED / "static"]
WHITENOISE_USE_FINDERS = not STATIC_ROOT
WHITENOISE_MAX_AGE = 300
#: The lowest level that is logged: debug, info, warning or error.
IDP_LOG_LEVEL: str = env.str("IDP_LOG_LEVEL", default="info").upper()
#: Where the worker passes events on: file:///path, syslog://host:port, syslog+tls://host:port or
#: https://host/path; empty for nowhere. Over HTTP, the token is sent as Bearer.
IDP_AUDIT_STREAM: str = env.str("IDP_AUDIT_STREAM", default="")
IDP_AUDIT_TOKEN: str = env.str("IDP_AUDIT_TOKEN", default="")
# Where the operator's push service learns that an app asks a user to sign in.
IDP_PUSH_URL: str = env.str("IDP_PUSH_URL", default="")
IDP_PUSH_TOKEN: str = env.str("IDP_PUSH_TOKEN", default="")
LOGGING = logging_configuration(json=not IDP_DEVELOPMENT, level=IDP_LOG_LEVEL)

# Nothing may run on a default where the operator meant something else.
if env.problems:
    raise ImproperlyConfigured("\n".join(env.problems))
