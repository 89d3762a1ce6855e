"""JOSE: we sign with `cryptography` directly; untrusted input is parsed by jwcrypto."""
