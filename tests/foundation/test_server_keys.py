import pytest
from cryptography.fernet import InvalidToken

from foundation import server_keys


@pytest.fixture
def keys(settings):
    def use(*secrets: str) -> None:
        settings.IDP_SECRET_KEYS = list(secrets)
        server_keys._derived.cache_clear()
        server_keys._fernet.cache_clear()

    yield use
    server_keys._derived.cache_clear()
    server_keys._fernet.cache_clear()


def test_what_an_older_key_sealed_is_opened_after_rotation(keys) -> None:
    keys("old")
    sealed, hashed = server_keys.seal(b"secret", "a"), server_keys.keyed_hash("secret", "a")
    keys("new", "old")
    assert server_keys.unseal(sealed, "a") == b"secret"
    assert server_keys.matches("secret", hashed, "a")
    assert not server_keys.matches("other", hashed, "a")


def test_and_not_once_it_is_gone(keys) -> None:
    keys("old")
    sealed, hashed = server_keys.seal(b"secret", "a"), server_keys.keyed_hash("secret", "a")
    keys("new")
    assert not server_keys.matches("secret", hashed, "a")
    with pytest.raises(InvalidToken):
        server_keys.unseal(sealed, "a")


def test_what_is_older_than_asked_for_is_not_opened(keys) -> None:
    keys("key")
    sealed = server_keys.seal(b"secret", "a")
    assert server_keys.unseal(sealed, "a", within=60) == b"secret"
    with pytest.raises(InvalidToken):
        server_keys.unseal(sealed, "a", within=-1)


def test_purposes_do_not_mix(keys) -> None:
    keys("key")
    assert not server_keys.matches("secret", server_keys.keyed_hash("secret", "a"), "b")
    with pytest.raises(InvalidToken):
        server_keys.unseal(server_keys.seal(b"secret", "a"), "b")
