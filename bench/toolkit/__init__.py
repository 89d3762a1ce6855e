"""The peer: plain django-oauth-toolkit in a Django project as its tutorial has it."""
