"""`python -m tests.interop.mozilla_site`: make the tables and serve the site."""

import os

import django
from django.core.management import call_command

os.environ["DJANGO_SETTINGS_MODULE"] = os.environ.get(
    "SITE_SETTINGS", "tests.interop.mozilla_site.settings"
)
django.setup()
call_command("migrate", verbosity=0)
call_command("runserver", os.environ["SITE_ADDRESS"], use_reloader=False)
