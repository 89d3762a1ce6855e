#!/usr/bin/env python
"""Django's command line, from a checkout. Where the project is installed it is `signet`."""

from idp.command_line import main

if __name__ == "__main__":
    main()
