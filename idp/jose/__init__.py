"""JOSE: we sign on `cryptography` directly; what strangers send goes to jwcrypto."""
