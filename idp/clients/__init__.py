"""Clients: lookup, authentication, and metadata."""
