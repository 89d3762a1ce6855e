"""URLs of the account pages, named as allauth expects them."""

from django.urls import path

from accounts.allauth_door import pages
from accounts.views import (
    authenticator_apps,
    change_password,
    choose_password,
    connected_accounts,
    deletion,
    directory,
    email,
    email_code,
    factor_names,
    first_passkey,
    invitation,
    mailed_code,
    passkeys,
    preferences,
    recent_authentication,
    recovery_codes,
    second_factor,
    security,
    sign_in,
    terms,
    trusted_browsers,
)

urlpatterns = [
    path("login/", sign_in.SignInView.as_view(), name="account_login"),
    path("login/email/", email_code.email_code, name="account_email_code_login"),
    path("login/mailed-code/", mailed_code.mailed_code, name="account_mailed_code"),
    path("login/code/", second_factor.CodeView.as_view(), name="mfa_authenticate"),
    path("login/more/", second_factor.StepUpView.as_view(), name="account_step_up"),
    path("login/passkey/", passkeys.sign_in, name="mfa_login_webauthn"),
    path("login/directory/<slug:slug>/", directory.directory, name="account_directory"),
    path("login/terms/", terms.accept_terms, name="account_terms"),
    path("login/passkey/offer/", passkeys.OfferPasskeyView.as_view(), name="account_offer_passkey"),
    path("login/passkey/first/", first_passkey.first_passkey, name="account_first_passkey"),
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
    path("two-steps/", security.security, name="mfa_index"),
    path("two-steps/apps/", authenticator_apps.show_apps, name="account_authenticator_apps"),
    path("two-steps/app/", authenticator_apps.SetUpAppView.as_view(), name="mfa_activate_totp"),
    path(
        "two-steps/apps/<int:pk>/remove/",
        authenticator_apps.remove_app,
        name="account_remove_app",
    ),
    path("two-steps/<int:pk>/name/", factor_names.rename_factor, name="account_rename_factor"),
    path("two-steps/passkeys/", passkeys.show_passkeys, name="account_passkeys"),
    path("two-steps/passkeys/new/", passkeys.NewPasskeyView.as_view(), name="mfa_add_webauthn"),
    path(
        "two-steps/passkeys/<int:pk>/remove/",
        passkeys.remove_passkey,
        name="account_remove_passkey",
    ),
    path(
        "two-steps/recovery-codes/", recovery_codes.recovery_codes, name="mfa_view_recovery_codes"
    ),
    path(
        "two-steps/recovery-codes/download/",
        recovery_codes.download_recovery_codes,
        name="account_download_recovery_codes",
    ),
    path(
        "two-steps/recovery-codes/new/",
        recovery_codes.NewRecoveryCodesView.as_view(),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "two-steps/accounts/",
        connected_accounts.show_connected_accounts,
        name="account_connected_accounts",
    ),
    path(
        "two-steps/accounts/<int:pk>/disconnect/",
        connected_accounts.disconnect_account,
        name="account_disconnect",
    ),
    path(
        "two-steps/browsers/",
        trusted_browsers.show_trusted_browsers,
        name="account_trusted_browsers",
    ),
]
