#!/usr/bin/env python
"""Signet's and Django's commands, with the settings of this project."""

import os

from idp.command_line import main

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bakery.settings")

if __name__ == "__main__":
    main()
