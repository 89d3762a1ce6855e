"""Quick starts: the files of examples/quickstart, with a provider's and a client's values in them.

The tests run each as the page shows it, so it is a whole program or a whole piece of one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_noop as _

from idp import policy
from idp.integrations.catalogue import EXAMPLES
from idp.integrations.catalogue import QUICK_START_FILES as FOLDER
from idp.models import Client
from idp.protocol.vocabulary import CIBA, DEVICE_CODE

#: A client_id that needs no escaping in any of the languages.
_PLAIN = re.compile(r"[A-Za-z0-9._-]+")
#: The algorithm of ID tokens that the files name, if any.
_SIGNED_WITH = '"RS256"'
#: A command for the developer's shell, in a comment of a file.
_COMMAND = re.compile(r"^\W*?\$ (.+?)(?: -->)?$", re.MULTILINE)


@dataclass(frozen=True)
class QuickStart:
    """A program that shows how to sign users in, or a machine.

    The comments of its files have commands, each after a `$`: the last one runs it, and those
    before install what it needs.
    """

    name: str
    #: In English, as all of these pages are; the admin translates it.
    short_title: str
    #: What it is made with.
    library: str
    #: Below examples/quickstart, in the order in which they are pasted.
    files: tuple[str, ...]
    grant_type: str = "authorization_code"
    #: Whether the client has no secret.
    is_public: bool = False
    #: Whether it binds its tokens to a key (RFC 9449), as some clients have to.
    binds_tokens: bool = False
    #: Whether it pushes its requests (RFC 9126), too, and can prove itself with a key.
    has_high_security: bool = False
    application_type: str = Client.ApplicationType.WEB
    #: The redirect URI on the developer's own machine, as the file has it. Each has a port of its
    #: own, beside those of `make run`; macOS has a service of its own at 5000.
    redirect_uri: str = ""
    #: Where users come back after they signed out.
    post_logout_redirect_uri: str = ""
    #: The path at which signing in begins.
    begins_at: str = "/login"

    @property
    def title(self) -> str:
        """Return what it shows and with which library."""
        return f"{self.short_title} with {self.library}"

    @property
    def address(self) -> str:
        """Return where the developer begins to sign in; empty for a program without pages."""
        uri = self.post_logout_redirect_uri
        return uri.rstrip("/") + self.begins_at if uri else ""

    @property
    def _texts(self) -> list[str]:
        return [(FOLDER / file).read_text(encoding="utf-8") for file in self.files]

    @property
    def commands(self) -> list[str]:
        """Return the commands of its comments."""
        return [command for text in self._texts for command in _COMMAND.findall(text)]

    def filled_in(self, client: Client | None) -> str:
        """Return its text as `parts` does; that of several files has each one's name above it."""
        parts = self.parts(client)
        if len(parts) == 1:
            return parts[0][1]
        return "\n".join(f"{name}\n\n{text}" for name, text in parts)

    def parts(self, client: Client | None) -> list[tuple[str, str]]:
        """Return its files' names and texts, with our issuer and the values of a client.

        These are its client_id, and the algorithm of its ID tokens.
        """
        values = {EXAMPLES["issuer"]: policy.ISSUER}
        if client is not None:
            values[_SIGNED_WITH] = f'"{client.id_token_signed_response_alg}"'
            if _PLAIN.fullmatch(client.client_id):
                values[EXAMPLES["client_id"]] = client.client_id
        example = re.compile("|".join(map(re.escape, values)))
        return [
            (
                file.partition("/")[2] or file,
                example.sub(lambda found: values[found[0]], text),
            )
            for file, text in zip(self.files, self._texts, strict=True)
        ]

    @property
    def authentication_methods(self) -> tuple[str, ...]:
        """Return how it can authenticate."""
        if self.is_public:
            return ("none",)
        with_a_key = ("private_key_jwt",) if self.has_high_security else ()
        return ("client_secret_basic", *with_a_key)

    def fits(self, client: Client) -> bool:
        """Whether this client can do it as it is registered."""
        return (
            self.grant_type in client.grant_types
            and not set(self.authentication_methods).isdisjoint(client.authentication_methods)
            and client.application_type == self.application_type
            and (self.has_high_security or not client.has_to_push)
            and (self.binds_tokens or not client.dpop_bound_access_tokens)
            and not client.tls_client_certificate_bound_access_tokens
        )


def _on(port: int, callback: str) -> dict[str, Any]:
    base = f"http://localhost:{port}"
    return {"redirect_uri": base + callback, "post_logout_redirect_uri": base + "/"}


_ALL: Final[Sequence[QuickStart]] = (
    QuickStart(
        "django",
        "Django",
        "mozilla-django-oidc",
        ("django_settings.py",),
        **_on(5003, "/oidc/callback/"),
        begins_at="/oidc/authenticate/",
    ),
    QuickStart("flask", "Flask", "Authlib", ("flask_app.py",), **_on(5001, "/callback")),
    QuickStart("fastapi", "FastAPI", "Authlib", ("fastapi_app.py",), **_on(5002, "/callback")),
    QuickStart(
        "express", "Express", "openid-client", ("express_app.mjs",), **_on(5004, "/callback")
    ),
    QuickStart(
        "high-security",
        _("Express, high security"),
        "openid-client",
        ("high_security.mjs",),
        binds_tokens=True,
        has_high_security=True,
        **_on(5010, "/callback"),
    ),
    QuickStart(
        "spring-boot",
        "Spring Boot",
        "Spring Security",
        (
            "spring-boot/pom.xml",
            "spring-boot/src/main/resources/application.yml",
            "spring-boot/src/main/java/website/Website.java",
        ),
        **_on(5007, "/login/oauth2/code/signet"),
        begins_at="/user",
    ),
    QuickStart("go", "Go", "coreos/go-oidc", ("go/main.go",), **_on(5008, "/callback")),
    QuickStart(
        "nextjs",
        "Next.js",
        "Auth.js",
        (
            "nextjs/auth.ts",
            "nextjs/app/api/auth/[...nextauth]/route.ts",
            "nextjs/app/page.tsx",
            "nextjs/.env.local",
        ),
        **_on(5009, "/api/auth/callback/signet"),
        begins_at="/",
    ),
    QuickStart(
        "single-page-app",
        _("Single-page app"),
        "oidc-client-ts",
        ("single_page_app.html",),
        is_public=True,
        **_on(5005, "/callback"),
        begins_at="/",
    ),
    QuickStart(
        "single-page-app-dpop",
        _("Single-page app, DPoP"),
        "oidc-client-ts",
        ("single_page_app_dpop.html",),
        is_public=True,
        binds_tokens=True,
        **_on(5011, "/callback"),
        begins_at="/",
    ),
    QuickStart(
        "desktop",
        _("Desktop app or command-line tool"),
        "Authlib",
        ("desktop_app.py",),
        is_public=True,
        application_type=Client.ApplicationType.NATIVE,
        redirect_uri="http://127.0.0.1/callback",
    ),
    QuickStart(
        "device",
        _("TV app or command-line tool without a browser"),
        "Authlib",
        ("device_app.py",),
        grant_type=DEVICE_CODE,
        is_public=True,
        application_type=Client.ApplicationType.NATIVE,
    ),
    QuickStart(
        "ask-user",
        _("Asking a user to sign in on their own device (CIBA)"),
        "openid-client",
        ("ask_user.mjs",),
        grant_type=CIBA,
    ),
    QuickStart(
        "apache",
        "Apache",
        "mod_auth_openidc",
        ("apache.conf",),
        **_on(5006, "/oidc/callback"),
        begins_at="/",
    ),
    QuickStart(
        "machine",
        _("Machine-to-machine"),
        "curl",
        ("machine.sh",),
        grant_type="client_credentials",
    ),
)
QUICK_STARTS: Final = {start.name: start for start in _ALL}
