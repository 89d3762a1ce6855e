"""A Django site whose users sign in with mozilla-django-oidc, set up as its documentation says."""
