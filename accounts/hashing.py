"""Password hashers: normalise, then hash in a pool of threads.

Setting and checking a password always ends here, since these are Django's hashers (settings,
PASSWORD_HASHERS). The pool has one thread per processor, of low priority, so that a burst of
sign-ins leaves processor time to other requests.
"""

import os
import sys
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    PBKDF2PasswordHasher,
    make_password,
)

from foundation.slots import without_slot

#: How much lower the priority of these threads is: beside one busy thread, a tenth of a processor.
_NICENESS = 10
T = TypeVar("T")


def normalised(password: str) -> str:
    """Return a password as it is hashed, however its characters were typed.

    NFKC, as NIST SP 800-63B-4 §3.1.1.2 has it: an accented letter is the same whether a keyboard
    composes it or not.
    """
    return unicodedata.normalize("NFKC", password)


class Argon2(Argon2PasswordHasher):
    """Argon2id of the normalised password, with the parameters from settings. RFC 9106."""

    #: Not Django's `argon2`, so that the hash shows that its password was normalised.
    algorithm = "argon2_nfkc"

    def __init__(self) -> None:
        self.memory_cost: int = settings.IDP_ARGON2_MEMORY_KIB
        self.time_cost: int = settings.IDP_ARGON2_PASSES
        self.parallelism: int = settings.IDP_ARGON2_LANES

    def encode(self, password: str, salt: str) -> str:
        """Return the hash of a password."""
        return _in_pool(super().encode, normalised(password), salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Whether a hash is that of this password."""
        return _in_pool(super().verify, normalised(password), encoded)


class AsItWasSent:
    """A hasher of passwords that were not normalised. A hash that it verifies is replaced."""

    def verify(self, password: str, encoded: str) -> bool:
        """Whether a hash is that of this password, normalised or as it was sent.

        A wrong password takes at least as long as one for an address without an account.
        """
        spellings = dict.fromkeys((normalised(password), password))
        if _in_pool(lambda: any(self.is_of(spelling, encoded) for spelling in spellings)):
            return True
        make_password(password)
        return False

    def is_of(self, password: str, encoded: str) -> bool:
        """Whether a hash is that of this password, spelled like this."""
        return super().verify(password, encoded)  # type: ignore[misc, no-any-return]


class EarlierArgon2(AsItWasSent, Argon2PasswordHasher):
    """Verifies hashes of Django's own Argon2 hasher, and of other software."""


class EarlierPBKDF2(AsItWasSent, PBKDF2PasswordHasher):
    """Verifies hashes imported from another system."""


def _in_pool(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function in one of the hashing threads and return its result."""
    with without_slot():
        return _pool().submit(function, *arguments).result()


@cache
def _pool() -> ThreadPoolExecutor:
    processors = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return ThreadPoolExecutor(processors, "hashing", initializer=_lower_priority)


def _lower_priority() -> None:
    if sys.platform == "linux":  # elsewhere it would be the whole process's
        thread = threading.get_native_id()
        niceness = os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS
        os.setpriority(os.PRIO_PROCESS, thread, niceness)
