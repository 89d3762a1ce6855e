"""What is private in allauth and used all the same: an upgrade that changes it fails here first."""

import ast
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from allauth.account import forms, stages, views

from tests.conftest import ROOT

pytestmark = pytest.mark.once

DOOR = ROOT / "accounts/allauth_door"
FLOWS = "allauth.account.internal.flows"
#: What the door imports from private modules, and the parameters that it is called with.
PRIVATE = {
    "allauth.core.internal.cryptokit.compare_user_code": ("actual", "expected"),
    "allauth.core.internal.cryptokit.normalize_user_code": ("code",),
    f"{FLOWS}.email_verification.verify_email_indirectly": ("request", "user", "email"),
    f"{FLOWS}.email_verification_by_code.EmailVerificationProcess.resume": ("request",),
    f"{FLOWS}.login.perform_login": ("request", "login"),
    f"{FLOWS}.login.record_authentication": ("request", "user", "method", "extra_data"),
    f"{FLOWS}.password_reset.finalize_password_reset": ("request", "user", "email"),
    f"{FLOWS}.password_reset_by_code.PasswordResetVerificationProcess.initiate": (
        *("request", "user", "email"),
    ),
    f"{FLOWS}.password_reset_by_code.PasswordResetVerificationProcess.resume": ("request",),
    "allauth.account.internal.userkit.filter_users_by_email": (
        *("email", "is_active", "prefer_verified", "for_login"),
    ),
    "allauth.account.internal.stagekit.stash_login": ("request", "login"),
    "allauth.mfa.base.internal.flows.post_authentication": (
        *("request", "authenticator", "reauthenticated", "passwordless"),
    ),
    "allauth.mfa.internal.flows.add.redirect_if_add_not_allowed": ("function",),
    "allauth.mfa.internal.flows.add.validate_can_add_authenticator": ("user",),
    "allauth.mfa.recovery_codes.internal.flows.auto_generate_recovery_codes": ("request",),
    "allauth.mfa.totp.internal.auth.generate_totp_secret": ("length",),
    "allauth.mfa.totp.internal.auth.format_hotp_value": ("value",),
    "allauth.mfa.totp.internal.auth.hotp_value": ("secret", "counter"),
    "allauth.mfa.totp.internal.auth.yield_hotp_counters_from_time": (),
    "allauth.mfa.totp.internal.flows.activate_totp": ("request", "form"),
    "allauth.mfa.totp.internal.flows.deactivate_totp": ("request", "authenticator"),
    "allauth.mfa.webauthn.internal.flows.remove_authenticator": ("request", "authenticator"),
}
#: Private members of public classes that the door overrides or reads, and where allauth has them.
MEMBERS = {
    "_redirect_to_pending_stage": (views.LoginView, views.SignupView),
    "_clean_with_password": (forms.LoginForm,),
    "_action": (views.ConfirmEmailVerificationCodeView,),
}
#: Private attributes of instances, and the methods of allauth that set or read them.
ATTRIBUTES = {
    "_login": (forms.LoginForm._login_with_password,),
    "_process": (
        views.CompletePasswordResetView.dispatch,
        views.ConfirmPasswordResetCodeView.dispatch,
        views.ConfirmEmailVerificationCodeView.dispatch,
    ),
}


def found(path: str) -> Any:
    """Return the function or method at a dotted path."""
    parts = path.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            value: Any = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for name in parts[end:]:
            value = getattr(value, name)
        return value
    raise AssertionError(f"{path} is gone")


@pytest.mark.parametrize("path", PRIVATE)
def test_private_functions_take_what_they_are_called_with(path: str) -> None:
    assert tuple(inspect.signature(found(path)).parameters) == PRIVATE[path]


@pytest.mark.parametrize("name", MEMBERS)
def test_private_members_are_where_they_are_overridden(name: str) -> None:
    for kind in MEMBERS[name]:
        assert hasattr(kind, name), f"{kind.__name__}.{name} is gone"


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_private_attributes_are_used_where_they_are_expected(name: str) -> None:
    for method in ATTRIBUTES[name]:
        assert f"self.{name}" in inspect.getsource(method), f"{method.__qualname__}: self.{name}"


def test_a_code_for_a_new_password_has_what_is_read_of_it() -> None:
    process = found(f"{FLOWS}.password_reset_by_code.PasswordResetVerificationProcess")
    assert {"persist", "abort"} <= set(vars(process))
    state = process.initial_state(None, "ana@example.com")
    assert {"at", "email"} <= state.keys()


def test_the_steps_of_signing_in_are_those_that_ours_stand_between() -> None:
    """Another one would be asked without our knowing, in the place of one or after ours."""
    from accounts.allauth_door.adapter import Adapter

    assert Adapter().get_login_stages() == [
        "accounts.stages.BeginningStage",
        "accounts.stages.MailedCodeStage",
        "accounts.stages.DisabledStage",
        "allauth.account.stages.LoginByCodeStage",
        "allauth.account.stages.PhoneVerificationStage",
        "accounts.stages.VerifyEmailStage",
        "accounts.stages.SecondFactorStage",
        "accounts.stages.FirstPasskeyStage",
        "accounts.stages.KeepStage",
        "accounts.stages.NewPasswordStage",
        "accounts.stages.TermsStage",
        "accounts.upstream.stage.LinkStage",
        "accounts.stages.NewDeviceStage",
        "accounts.stages.OfferPasskeyStage",
        "accounts.upstream.stage.StillSignedInStage",
    ]
    assert {"handle", "exit", "abort"} <= set(vars(stages.LoginStage))


def trees() -> Iterator[ast.AST]:
    for path in DOOR.glob("*.py"):
        yield ast.parse(path.read_text())


def test_nothing_else_that_is_private_is_used() -> None:
    imported, members = set(), set()
    for tree in trees():
        ours = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and ".internal" in (node.module or ""):
                imported |= {f"{node.module}.{alias.name}" for alias in node.names}
            if isinstance(node, ast.Attribute) and re.match("_[a-z]", node.attr):
                members |= {node.attr} - ours
    assert imported == {path.removesuffix(".initiate").removesuffix(".resume") for path in PRIVATE}
    assert members <= {*MEMBERS, *ATTRIBUTES}
