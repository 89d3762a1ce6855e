"""The command line of people and scripts: sign in at an issuer, and get access tokens.

It needs no server: neither Django nor settings, and of the project nothing but itself.
"""

#: The commands of `signet` that are here; all others are Django's.
COMMANDS = ("login", "token", "whoami", "logout", "use")
