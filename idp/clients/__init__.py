"""Clients: finding one, proving it, and what it registered."""
