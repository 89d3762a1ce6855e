"""Tokens: issued for an entitlement along one path."""
