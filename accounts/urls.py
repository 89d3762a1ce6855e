"""URLs of the account pages, named as allauth expects them."""

from django.urls import path

from accounts.allauth_door import pages
from accounts.views import (
    change_password,
    choose_password,
    deletion,
    email,
    email_code,
    invitation,
    mailed_code,
    passkeys,
    preferences,
    recent_authentication,
    second_factor,
    sign_in,
    terms,
)

urlpatterns = [
    path("login/", sign_in.SignInView.as_view(), name="account_login"),
    path("login/email/", email_code.email_code, name="account_email_code_login"),
    path("login/mailed-code/", mailed_code.mailed_code, name="account_mailed_code"),
    path("login/code/", second_factor.CodeView.as_view(), name="mfa_authenticate"),
    path("login/more/", second_factor.StepUpView.as_view(), name="account_step_up"),
    path("login/passkey/", passkeys.sign_in, name="mfa_login_webauthn"),
    path("login/terms/", terms.accept_terms, name="account_terms"),
    path("login/keep/", deletion.keep_account, name="account_keep"),
    path("login/again/", recent_authentication.sign_in_again, name="account_reauthenticate"),
    path("signup/", sign_in.SignUpView.as_view(), name="account_signup"),
    path(
        "confirm-email/", sign_in.ConfirmEmailView.as_view(), name="account_email_verification_sent"
    ),
    path("email/", email.change_email, name="account_email"),
    path("email/code/", email.confirm_email_change, name="account_email_code"),
    path("email/undo/<str:token>/", email.undo_email_change, name="account_email_undo"),
    path("delete/", deletion.delete_account, name="account_delete"),
    path("logout/", pages.sign_out, name="account_logout"),
    path("inactive/", pages.account_is_disabled, name="account_inactive"),
    path("invitation/<str:token>/", invitation.invitation, name="account_invitation"),
    path("preferences/", preferences.show_preferences, name="account_preferences"),
    path("password/", change_password.change_password, name="account_change_password"),
    path("password/choose/", choose_password.choose_password, name="account_choose_password"),
    path("password/reset/", sign_in.ResetView.as_view(), name="account_reset_password"),
    path(
        "password/reset/confirm/",
        sign_in.ConfirmResetCodeView.as_view(),
        name="account_confirm_password_reset_code",
    ),
    path(
        "password/reset/complete/",
        sign_in.NewPasswordView.as_view(),
        name="account_complete_password_reset",
    ),
    path(
        "password/reset/done/",
        pages.password_is_set,
        name="account_password_reset_completed",
    ),
    path("two-steps/", second_factor.overview, name="mfa_index"),
    path("two-steps/app/", second_factor.SetUpAppView.as_view(), name="mfa_activate_totp"),
    path("two-steps/passkeys/new/", passkeys.NewPasskeyView.as_view(), name="mfa_add_webauthn"),
    path(
        "two-steps/passkeys/<int:pk>/remove/",
        passkeys.RemovePasskeyView.as_view(),
        name="mfa_remove_webauthn",
    ),
    path("two-steps/turn-off/", second_factor.TurnOffView.as_view(), name="mfa_deactivate_totp"),
    path(
        "two-steps/recovery-codes/",
        second_factor.RecoveryCodesView.as_view(),
        name="mfa_view_recovery_codes",
    ),
    path(
        "two-steps/recovery-codes/new/",
        second_factor.NewRecoveryCodesView.as_view(),
        name="mfa_generate_recovery_codes",
    ),
]
