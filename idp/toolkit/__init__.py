"""The one door to django-oauth-toolkit's behaviour: what it asks, the rooms that know answer."""
