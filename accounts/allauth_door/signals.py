"""allauth's signals. Each has `request` and `user`."""

from allauth.account import signals as account
from allauth.mfa import signals as mfa

signed_up = account.user_signed_up
#: With `email_address`, which has the user.
email_verified = account.email_confirmed
#: The user changed their password.
password_changed = account.password_changed
#: The user set a first password.
password_set = account.password_set
#: By a code or link that was mailed.
password_reset = account.password_reset
#: These have the `authenticator`, of a `type`.
factor_added = mfa.authenticator_added
factor_renewed = mfa.authenticator_reset
factor_removed = mfa.authenticator_removed
#: Its `authenticator` and `user` are None for a passkey of an unknown user.
factor_refused = mfa.authentication_failed
