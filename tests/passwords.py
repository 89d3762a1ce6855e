from django.contrib.auth.hashers import Argon2PasswordHasher


class CheapArgon2(Argon2PasswordHasher):
    """Argon2 with parameters that only tests may use."""

    time_cost = 1
    memory_cost = 64
    parallelism = 1
