"""A Django site whose people sign in with mozilla-django-oidc, set up as its documentation says."""
