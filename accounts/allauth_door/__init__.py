"""The only package that imports django-allauth (import-linter).

It gives accounts and idp what they need from it. Private names of allauth are used here only, and
tests/accounts/test_allauth_door.py lists them. Templates and the settings that allauth reads keep
allauth's names.
"""
