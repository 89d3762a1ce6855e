"""Signet: an OpenID Connect provider. Its root files are the Django project."""
