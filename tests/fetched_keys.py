"""Let time pass for what the provider keeps of the keys that it has fetched."""

from hashlib import sha256

from django.core.cache import cache


def let_a_minute_pass(party: str, uri: str) -> None:
    """Drop what the shared cache keeps of the keys at an address that were fetched for a party.

    That is the floor between two fetches, and the copy for other processes.
    """
    name = sha256(f"{party} {uri}".encode()).hexdigest()
    cache.delete_many([f"jwks:{name}", f"jwks-fetch:{name}"])
