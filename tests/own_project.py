"""What a visitor, an operator and an app see of examples/own_project, as JSON on standard output.

A process of its own, since a project's settings are those of a process: tests/test_own_project.py.
"""

import json
import sys
from collections import defaultdict
from typing import Any
from urllib.parse import urlencode

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.test.signals import template_rendered  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts import deletion  # noqa: E402
from accounts.models import User  # noqa: E402
from idp.declaration import apply  # noqa: E402
from tests.in_process import InProcess  # noqa: E402

PASSWORD = "three wise boats at anchor"
CALLBACK = "https://shop.example.com/callback"
SHOP = {
    "client_id": "shop",
    "client_name": "Shop",
    "client_secret": "s" * 40,
    "redirect_uris": [CALLBACK],
    "scope": "openid profile",
}
#: The names in the contexts with which each template was rendered.
names: dict[str, set[str]] = defaultdict(set)


def note(template: Any, context: Any, **_: Any) -> None:
    names[template.name] |= context.flatten().keys()


def user(email: str, **fields: Any) -> User:
    made = User.objects.create_user(email, PASSWORD, name="Ana", **fields)
    made.set_email(email, verified=True)
    return made


def signed_in(email: str) -> InProcess:
    visitor = InProcess()
    visitor.post("/account/login/", {"login": email, "password": PASSWORD})
    return visitor


def userinfo(visitor: InProcess) -> tuple[Any, str]:
    """Let the shop sign the visitor in; return what it learns, and a header of the answer."""
    asked = {
        "response_type": "code",
        "client_id": "shop",
        "redirect_uri": CALLBACK,
        "scope": "openid profile",
        "nonce": "n",
    }
    page = visitor.get("/authorize", asked, follow=True)
    address = page.redirect_chain[-1][0]
    answered = visitor.post(
        address, {"answer": "allow", "shown_as": page.context["shown_as"]}, follow=True
    )
    code = answered.context["target"].partition("code=")[2].partition("&")[0]
    app = InProcess()
    redeemed = app.post(
        "/token",
        urlencode(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": CALLBACK,
                "client_id": "shop",
                "client_secret": SHOP["client_secret"],
            }
        ),
        "application/x-www-form-urlencoded",
    )
    token = redeemed.json()["access_token"]
    response = app.get("/userinfo", headers={"authorization": f"Bearer {token}"})
    return response.json(), response["Branch"]


def administered(visitor: InProcess, ana: User) -> dict[str, Any]:
    """Let an operator make, find, change and delete a profile; return what the pages say."""
    profiles = "/admin/customers/profile/"
    added = visitor.post(f"{profiles}add/", {"user": ana.pk, "favourite_bread": "rye"}, follow=True)
    profile = ana.profile  # type: ignore[attr-defined]
    change = f"{profiles}{profile.pk}/change/"
    visitor.post(change, {"user": ana.pk, "favourite_bread": "spelt"})
    found = visitor.get(profiles, {"q": "spelt"})
    addresses = (profiles, f"{profiles}add/", change, f"{profiles}{profile.pk}/delete/")
    pages = {address: visitor.get(address).status_code for address in addresses}
    return {
        "home": visitor.get("/admin/").text,
        "added": added.status_code,
        "pages": pages,
        "found": found.text,
        "users": visitor.get("/admin/accounts/user/").status_code,
        "toolkit": visitor.get("/admin/oauth2_provider/").status_code,
    }


def main() -> None:
    call_command("migrate", "customers", verbosity=0)
    call_command("check", "--fail-level", "WARNING", stdout=sys.stderr)
    setup_test_environment()
    template_rendered.connect(note)
    ana = user("ana@example.com", profile_url="https://example.com/ana")
    user("olga@example.com", is_staff=True, is_superuser=True)
    apply({"clients": [SHOP]}, dry_run=False)
    stranger, visitor = InProcess(), signed_in(ana.email)
    seen: dict[str, Any] = {"login": stranger.get("/account/login/").text}
    for address in ("/account/signup/", "/nowhere/", "/authorize?client_id=unknown"):
        stranger.get(address)
    stranger.post("/account/password/reset/", {"email": ana.email})
    visitor.get("/account/")
    bread = visitor.get("/bread/")
    seen["bread"] = {"text": bread.text, "branch": bread["Branch"]}
    ana.profile.delete()  # type: ignore[attr-defined]
    ana.refresh_from_db()
    seen["userinfo"], seen["branch"] = userinfo(visitor)
    seen["sub"] = ana.sub
    seen["admin"] = administered(signed_in("olga@example.com"), ana)
    ana.is_active, ana.deletion_due_at = False, timezone.now()
    ana.save()
    deletion.delete(ana)
    seen["left"] = type(ana.profile).objects.count()  # type: ignore[attr-defined]
    seen["templates"] = {name: sorted(known) for name, known in names.items()}
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main()
