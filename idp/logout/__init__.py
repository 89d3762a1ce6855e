"""Signing out at a client's request. OpenID Connect RP-Initiated Logout."""
