"""The only package that adapts django-oauth-toolkit's behaviour to ours."""
