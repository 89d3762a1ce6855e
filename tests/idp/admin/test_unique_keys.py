"""Two operators save what is unique at the same moment: one is told so, nobody gets a 500."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from accounts.models import User
from idp.models import InitialAccessToken
from tests.idp.admin.conftest import Operator
from tests.relying_party import unique

AT_ONCE = 8


@pytest.mark.parametrize("what", ["user", "initial-access-token"])
def test_the_same_saved_by_several_at_once(superuser: Operator, what: str) -> None:
    name = unique("same")
    if what == "user":
        path, fields = "accounts/user/add/", {"email": f"{name}@example.com", "invite": None}
    else:
        path, fields = "idp/initialaccesstoken/add/", {"name": name}
    form = superuser.open(path)
    together = Barrier(AT_ONCE)

    def save(_: int) -> int:
        together.wait()
        return superuser.browser.submit(form, **fields).status_code  # which asserts: below 500

    with ThreadPoolExecutor(AT_ONCE) as threads:
        assert set(threads.map(save, range(AT_ONCE))) == {200}
    if what == "user":
        assert User.objects.filter(email=fields["email"]).count() == 1
    else:
        assert InitialAccessToken.objects.filter(name=name).count() == 1
