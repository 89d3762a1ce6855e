"""Signet's settings, and what the bakery adds to them."""

from pathlib import Path

from idp.settings import *

HERE = Path(__file__).resolve().parent.parent

INSTALLED_APPS += ["customers"]
MIDDLEWARE += ["bakery.middleware.name_branch"]
ROOT_URLCONF = "bakery.urls"
# Templates of the bakery come before Signet's of the same name.
TEMPLATES[0]["DIRS"].insert(0, HERE / "templates")
LOGGING["loggers"]["customers"] = {"level": "DEBUG"}
