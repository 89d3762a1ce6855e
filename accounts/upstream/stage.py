"""Steps of signing in with an account elsewhere: it is linked, and is still signed in there."""

from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.allauth_door.steps import Asked, Step
from accounts.next import with_next
from accounts.upstream import attributes, links, pending, sign_outs
from accounts.upstream.refusals import OtherAccountError


class LinkStage(Step):
    """Links the identity that waits in this browser with its user, and asks nothing.

    Until here nothing is linked: an account whose address was never proved must not keep a way in
    for whoever made it.
    """

    key = "upstream_link"

    def handle(self) -> Asked:
        """Link it, if it waits for this very user."""
        user, waiting = self.login.user, pending.of(self.request)
        if user is None or waiting is None or waiting.user_id != user.pk or not waiting.links:
            return None, True
        try:
            links.connect(self.request, user, waiting.identity, notify=not self.login.signup)
            attributes.take_over(user, waiting.identity, is_new=False)
        except OtherAccountError:  # linked meanwhile, in another tab
            pending.forget(self.request)
        return None, True


class StillSignedInStage(Step):
    """Stops a sign-in whose user has signed out there since, after all that it has waited for."""

    key = "upstream_still_signed_in"

    def handle(self) -> Asked:
        """Go on, or lead back to the sign-in page."""
        if pending.came_now(self.request):
            return None, True
        user, waiting = self.login.user, pending.of(self.request)
        is_its_own = waiting is not None and user is not None and waiting.user_id == user.pk
        if waiting is None or not (is_its_own and waiting.signs_in and sign_outs.is_over(waiting)):
            return None, True
        pending.forget(self.request)
        self.give_up()
        said = _("You have signed out at %(name)s in the meantime. Sign in again.")
        messages.error(self.request, said % {"name": waiting.identity.upstream.name})
        return redirect(with_next(reverse("account_login"), self.request)), False
