"""JOSE: signatures and their verification by `cryptography`; jwcrypto reads keys and encrypts."""
