"""A password hasher that only tests may use."""

import os

from accounts.hashing import Argon2


class CheapArgon2(Argon2):
    """Argon2 of next to no strength; a server of a test may make it slow."""

    def __init__(self) -> None:
        passes = int(os.environ.get("SIGNET_TEST_ARGON2_PASSES", "1"))
        self.memory_cost, self.time_cost, self.parallelism = 64, passes, 1
