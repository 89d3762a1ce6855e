"""The step that links an account elsewhere, once all steps before it have proved the user."""

from accounts.allauth_door.steps import Asked, Step
from accounts.upstream import attributes, links, pending
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
