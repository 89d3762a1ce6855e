from accounts.hashing import Argon2


class CheapArgon2(Argon2):
    """Argon2 with parameters that only tests may use."""

    def __init__(self) -> None:
        self.memory_cost, self.time_cost, self.parallelism = 64, 1, 1
