"""Count the functions of ours that code exchanges and a UserInfo request run through.

Prints, for each, how many functions there are, in how many modules, and how many of our frames are
on the stack at the deepest; `--names` lists them in the order of their first call, and `--check`
fails where there are more than LIMITS allow. A database of its own is made and thrown away;
`--database` names an SQLite file that is migrated already, and is written to.
"""

import argparse
import io
import json
import logging
import os
import sys
import tempfile
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import CodeType, FrameType
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from wsgiref.util import setup_testing_defaults

ROOT = Path(__file__).resolve().parent.parent
#: The packages whose functions are counted.
OURS = tuple(str(ROOT / name) + os.sep for name in ("foundation", "accounts", "idp"))
#: Frames of Python 3.11 that are no functions: later versions have none for them.
COMPREHENSIONS = {"<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>"}


@dataclass(frozen=True)
class Limits:
    """How many functions and modules of ours a request may run through, and how deep."""

    functions: int
    modules: int
    deepest: int


#: What `--check` allows, so that the hottest requests stay easy to follow. Only the second exchange
#: is for a scope with claims about the user.
LIMITS = {
    "code exchange": Limits(functions=60, modules=20, deepest=14),
    "code exchange with claims": Limits(functions=70, modules=22, deepest=14),
    "UserInfo request": Limits(functions=30, modules=10, deepest=10),
}


@dataclass
class RequestPath:
    """What of our code ran while a request was answered."""

    functions: list[CodeType] = field(default_factory=list)
    deepest: int = 0
    _depth: int = 0

    def __str__(self) -> str:
        counted = f"{len(self.functions)} functions in {len(self.modules)} modules"
        return f"{counted}, {self.deepest} deep"

    @property
    def modules(self) -> set[str]:
        """Return the files that the functions are in."""
        return {code.co_filename for code in self.functions}

    def names(self) -> list[str]:
        """Return the functions as `module:qualified name`, in the order of their first call."""
        return [
            f"{Path(code.co_filename).relative_to(ROOT)}:{code.co_qualname}"
            for code in self.functions
        ]

    def excess(self, limits: Limits) -> list[str]:
        """Return which of the limits this is above, as parts of a sentence."""
        counted = {
            "functions": (len(self.functions), limits.functions),
            "modules": (len(self.modules), limits.modules),
            "frames at the deepest": (self.deepest, limits.deepest),
        }
        return [
            f"{number} {what} (at most {limit})"
            for what, (number, limit) in counted.items()
            if number > limit
        ]

    def watch(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Note a call or a return; a `sys.setprofile` function."""
        if not frame.f_code.co_filename.startswith(OURS) or frame.f_code.co_name in COMPREHENSIONS:
            return
        if event == "call":
            self._depth += 1
            self.deepest = max(self.deepest, self._depth)
            if frame.f_code not in self.functions:
                self.functions.append(frame.f_code)
        elif event == "return":
            self._depth -= 1


def watched(answer: Callable[[], Any]) -> RequestPath:
    """Return the path of one request."""
    path = RequestPath()
    sys.setprofile(path.watch)
    try:
        answer()
    finally:
        sys.setprofile(None)
    return path


CLIENT_ID, SECRET, REDIRECT_URI = "measured", "measured-secret-" * 4, "https://app.example/callback"
VERIFIER = "measured-verifier-" * 3
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
DECLARED = f"""
users:
  - {{email: ana@example.com, email_verified: true, password: correct horse battery, name: Ana}}
clients:
  - client_id: {CLIENT_ID}
    client_secret: {SECRET}
    client_name: Measured
    redirect_uris: [{REDIRECT_URI}]
    first_party: true
"""


def code(browser: Any, scope: str) -> str:
    """Return the code that an authorization request of a signed-in user gives."""
    asked = {
        "client_id": CLIENT_ID,
        "redirect_uri": REDIRECT_URI,
        "response_type": "code",
        "scope": scope,
        "nonce": "measured",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    answer = browser.get("/authorize", asked)
    return parse_qs(urlsplit(answer["Location"]).query)["code"][0]


def exchange(application: Any, value: str) -> dict[str, Any]:
    """Exchange a code at the WSGI entrance, and return the response."""
    form = {
        "grant_type": "authorization_code",
        "code": value,
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
    }
    basic = b64encode(f"{CLIENT_ID}:{SECRET}".encode()).decode()
    return ask(application, "POST", "/token", f"Basic {basic}", urlencode(form))


def ask(
    application: Any, method: str, path: str, authorization: str, body: str = ""
) -> dict[str, Any]:
    """Send a request to the WSGI entrance, and return the JSON that it is answered with."""
    environ: dict[str, Any] = {"HTTP_AUTHORIZATION": authorization}
    setup_testing_defaults(environ)
    environ |= {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "HTTP_HOST": "localhost:8000",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(body.encode()),
    }
    if body:
        environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
        environ["CONTENT_LENGTH"] = str(len(body))
    statuses: list[str] = []
    answered = b"".join(application(environ, lambda status, _headers: statuses.append(status)))
    if statuses != ["200 OK"]:
        raise SystemExit(f"{path} answered {statuses[0]}: {answered.decode()}")
    return dict(json.loads(answered))


def measure(work: Path, database: Path) -> dict[str, RequestPath]:
    """Return the path of each request, each after one that is not counted."""
    os.environ["DATABASE_URL"] = f"sqlite:///{database}"
    os.environ["DJANGO_SETTINGS_MODULE"] = "idp.settings"
    os.environ["IDP_ISSUER"] = "http://localhost:8000"
    import django

    django.setup()
    from django.core.management import call_command
    from django.test import Client as Browser

    from accounts.models import User
    from idp import keys
    from idp.wsgi import application

    for handler in logging.getLogger().handlers:  # lines are written all the same, but not shown
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(io.StringIO())
    declared = work / "declared.yaml"
    declared.write_text(DECLARED)
    call_command("migrate", verbosity=0)
    call_command("apply", str(declared), stdout=io.StringIO())
    keys.ensure_keys()
    browser = Browser(headers={"host": "localhost:8000"})
    browser.force_login(User.objects.get(email="ana@example.com"))
    paths: dict[str, RequestPath] = {}
    for name, scope in (
        ("code exchange", "openid"),
        ("code exchange with claims", "openid profile"),
    ):
        token = exchange(application, code(browser, scope))["access_token"]
        exchanged = partial(exchange, application, code(browser, scope))
        paths[name] = watched(exchanged)
    bearer = f"Bearer {token}"
    ask(application, "GET", "/userinfo", bearer)
    paths["UserInfo request"] = watched(lambda: ask(application, "GET", "/userinfo", bearer))
    return paths


def main() -> None:
    """Print the figures, and the names where they are wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", action="store_true", help="list the functions")
    parser.add_argument("--check", action="store_true", help="fail where there are too many")
    parser.add_argument("--database", type=Path, metavar="FILE", help="begin with this one")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as work:
        paths = measure(Path(work), options.database or Path(work) / "db.sqlite3")
    for request, path in paths.items():
        print(f"{request}: {path}")
        for name in path.names() if options.names else ():
            print(f"  {name}")
    if options.check:
        found = {request: path.excess(LIMITS[request]) for request, path in paths.items()}
        above = [f"One {it} runs through {', '.join(more)}." for it, more in found.items() if more]
        if above:
            sys.exit(
                " ".join([*above, "--names lists them; LIMITS of this script has the limits."])
            )


if __name__ == "__main__":
    main()
