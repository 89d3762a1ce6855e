"""The database backend: Django's for PostgreSQL, with connections that are checked before use."""
