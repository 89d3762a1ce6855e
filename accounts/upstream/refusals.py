"""Why a sign-in with an account elsewhere can't go on: a reason for operators, words for users."""

from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class UpstreamRefusedError(Exception):
    """The sign-in ends. The message is the reason for operators; it has no secrets."""

    heading: ClassVar[str | Promise] = _("That sign-in didn’t work")
    sentence: ClassVar[str | Promise] = _(
        "%(name)s answered in a way that we can’t accept. Try again; if it goes on, tell the "
        "people who run this service."
    )


class StaleError(UpstreamRefusedError):
    """The answer belongs to no sign-in that this browser has begun, or it came before."""

    heading = _("This sign-in can’t go on")
    sentence = _("It was begun in another browser, took too long, or is done already. Start again.")


class UnsolicitedError(UpstreamRefusedError):
    """The upstream sent an answer that no user here has asked for."""

    heading = _("Begin on our sign-in page")
    sentence = _(
        "%(name)s sent you here without being asked by us. For your safety, we accept that only if "
        "you begin here."
    )


class CancelledError(UpstreamRefusedError):
    """The user, or the upstream, did not want to."""

    heading = _("You were not signed in")
    sentence = _("%(name)s did not sign you in. You can try again, or sign in another way.")


class NoNewSignInError(UpstreamRefusedError):
    """The user has to sign in again, and the upstream cannot ask them to."""

    heading = _("You have to sign in again")
    sentence = _("%(name)s can’t ask you to do that. Sign in another way.")


class UnreachableError(UpstreamRefusedError):
    """The upstream can't be reached."""

    heading = _("%(name)s can’t be reached")
    sentence = _("Wait a moment and try again, or sign in another way.")


class DisabledError(UpstreamRefusedError):
    """The upstream is disabled, or there is none of this name."""

    heading = _("This way to sign in isn’t available")
    sentence = _("It has been switched off. Sign in another way.")


class NoAccountError(UpstreamRefusedError):
    """No user is linked, and no account may be made."""

    heading = _("There is no account for you here yet")
    sentence = _(
        "If you have an account, sign in to it as usual and connect %(name)s on its security page. "
        "Otherwise ask the people who run this service to invite you."
    )


class AccountExistsError(UpstreamRefusedError):
    """The address is that of an account which this identity has not proved."""

    heading = _("You have an account here already")
    sentence = _(
        "There is an account with the email address that %(name)s gave us. Sign in to it as usual, "
        "then connect %(name)s on its security page."
    )


class NoAddressError(UpstreamRefusedError):
    """A new account needs an email address, and the upstream gave none."""

    heading = _("We need an email address")
    sentence = _(
        "%(name)s gave us no email address of yours. Allow it to, or make an account here first "
        "and connect %(name)s on its security page."
    )


class OtherAccountError(UpstreamRefusedError):
    """The identity is linked with another account than the one it was to be connected with."""

    heading = _("That account is connected already")
    sentence = _(
        "The account at %(name)s that you used is connected with another account here. Disconnect "
        "it there first."
    )
