"""The groups `support` and `operators`: kept at every migrate, all else left alone."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db.models.signals import post_migrate

from accounts.models import User
from idp.declaration import apply
from tests.relying_party import unique


def migrated() -> None:
    """Say what `migrate` says at its end, without its minute."""
    config = apps.get_app_config("idp")
    post_migrate.send(config, app_config=config, apps=apps, using="default", verbosity=0)


def codenames(name: str) -> set[str]:
    permissions = Group.objects.get(name=name).permissions.select_related("content_type")
    return {f"{one.content_type.app_label}.{one.codename}" for one in permissions}


def member_of(*groups: str) -> User:
    email = f"{unique('staff')}@example.com"
    entry = {"email": email, "groups": list(groups), "is_staff": True}
    apply({"users": [entry]}, dry_run=False)
    return User.objects.get(email=email)


def test_support_sees_and_helps_and_changes_nothing() -> None:
    assert codenames("support") == {
        "accounts.unlock_user",
        "accounts.send_reset_user",
        "accounts.end_sessions_user",
        "accounts.remove_factors_user",
        "accounts.view_user",
        "accounts.view_session",
        "idp.view_client",
        "idp.view_role",
        "idp.view_consent",
        "idp.view_grant",
        "idp.view_signingkey",
        "idp.view_event",
        "idp.view_delivery",
        "foundation.view_mail",
        "foundation.view_brand",
        "idp.view_resourceserver",
        "idp.view_attribute",
        "idp.view_scope",
        "idp.view_authorizationdetailstype",
        "idp.view_initialaccesstoken",
        "idp.view_trustedissuer",
        "idp.view_issuerlink",
    }
    user = member_of("support")
    assert user.has_perm("idp.view_client")
    assert not user.has_perm("idp.change_client")


@pytest.mark.parametrize(
    ("permission", "has"),
    [
        *((f"idp.{verb}_client", True) for verb in ("view", "add", "change", "delete")),
        *((f"accounts.{verb}_user", True) for verb in ("view", "add", "change", "delete")),
        ("accounts.change_session", True),
        ("accounts.delete_session", False),
        ("idp.change_signingkey", True),
        ("idp.add_signingkey", False),
        ("idp.view_event", True),
        ("idp.change_event", False),
        ("auth.change_group", False),
        ("idp.view_accesstoken", False),
    ],
)
def test_operators_act(permission: str, has: bool) -> None:
    assert (permission in codenames("operators")) is has


def test_they_are_kept_and_others_left_alone() -> None:
    support, other = Group.objects.get(name="support"), Group.objects.create(name=unique("group"))
    session = Permission.objects.get(codename="view_session", content_type__app_label="sessions")
    taken = Permission.objects.get(codename="view_client", content_type__app_label="idp")
    given = Permission.objects.get(codename="delete_client", content_type__app_label="idp")
    before = codenames("support")
    support.permissions.remove(taken)
    support.permissions.add(session, given)
    other.permissions.add(given)
    migrated()
    assert codenames("support") == before | {"sessions.view_session"}
    assert codenames(other.name) == {"idp.delete_client"}
    support.permissions.remove(session)


def test_one_that_was_deleted_is_made_again() -> None:
    before = codenames("operators")
    Group.objects.get(name="operators").delete()
    call_command("migrate", verbosity=0)
    assert codenames("operators") == before
