"""Several processes start on an empty database at once: one key per algorithm."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connection

from idp import keys, policy
from idp.models import SigningKey


def test_starting_together_makes_one_key_each() -> None:
    SigningKey.objects.all().delete()
    together = Barrier(4)

    def start(_: int) -> None:
        together.wait()
        try:
            keys.ensure_keys()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(start, range(4)))
    algorithms = SigningKey.objects.filter(state="active").values_list("algorithm", flat=True)
    assert sorted(algorithms) == sorted(policy.SIGNING_ALGORITHMS)
