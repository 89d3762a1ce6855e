"""The one door to django-allauth: what accounts and idp ask of it, in our words.

No other package imports allauth (import-linter); what is private there is used here alone, and
tests/accounts/test_allauth_door.py says which of it. Templates, and the settings that allauth
reads, have its names.
"""
