"""Password hashes of other software, for people who move in with their passwords.

`stored_form` takes a hash as the other software publishes it. Django's hashers in `hashers` verify
what it returns, and the first sign-in replaces it by a hash of ours (`accounts.hashing`).
"""

from accounts.foreign_hashes.documents import firebase_hash
from accounts.foreign_hashes.published import stored_form

__all__ = ["firebase_hash", "stored_form"]
