"""Steps of signing in with an account elsewhere: it is linked, and is still signed in there."""

from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.allauth_door.steps import Asked, Step
from accounts.next import with_next
from accounts.upstream import attributes, kept_identity, links, sign_outs
from accounts.upstream.refusals import OtherAccountError


class LinkStage(Step):
    """Links the identity that this browser keeps with its user, and asks nothing.

    Until here nothing is linked: an account whose address was never proved must not keep a way in
    for the one who made it.
    """

    key = "upstream_link"

    def handle(self) -> Asked:
        """Link it, if it is kept for this very user."""
        user, kept = self.login.user, kept_identity.of(self.request)
        if user is None or kept is None or kept.user_id != user.pk or not kept.links:
            return None, True
        try:
            links.connect(self.request, user, kept.identity, notify=not self.login.signup)
            attributes.take_over(user, kept.identity, is_new=False)
        except OtherAccountError:  # linked meanwhile, in another tab
            kept_identity.forget(self.request)
        return None, True


class StillSignedInStage(Step):
    """Stops a sign-in whose user has signed out there since, after all its other steps."""

    key = "upstream_still_signed_in"

    def handle(self) -> Asked:
        """Go on, or lead back to the sign-in page."""
        if kept_identity.came_now(self.request):
            return None, True
        user, kept = self.login.user, kept_identity.of(self.request)
        is_its_own = kept is not None and user is not None and kept.user_id == user.pk
        if kept is None or not (is_its_own and kept.signs_in and sign_outs.is_over(kept)):
            return None, True
        kept_identity.forget(self.request)
        self.give_up()
        said = _("You have signed out at %(name)s in the meantime. Sign in again.")
        messages.error(self.request, said % {"name": kept.identity.upstream.name})
        return redirect(with_next(reverse("account_login"), self.request)), False
