"""Take over what an upstream says about a user. `Upstream.mapping`, `Upstream.refresh`."""

from accounts.models import User
from accounts.upstream.identity import Identity
from foundation import plain_text

_TEXTS = ("name", "given_name", "family_name", "nickname", "preferred_username")


def take_over(user: User, identity: Identity, *, is_new: bool) -> None:
    """Take over an identity's claims to a saved user, at a sign-in; save what has changed.

    `is_new` says that the account was made for it just now.
    """
    if not is_new:
        return
    for name in _TEXTS:
        said = identity.claims.get(name)
        longest = User._meta.get_field(name).max_length
        if isinstance(said, str) and len(said) <= longest and not plain_text.problem_with(said):
            setattr(user, name, said)
    user.save(update_fields=[*_TEXTS, "updated_at"])
