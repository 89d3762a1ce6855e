"""Exports of all that is stored about a user, for the user."""
