"""Settings of an operator who keeps a second log: each line that any logger has, in a file."""

import os

from tests.settings import *  # noqa: F403
from tests.settings import LOGGING

LOGGING["formatters"]["plain"] = {"format": "%(levelname)s %(name)s %(threadName)s %(message)s"}
LOGGING["handlers"]["file"] = {
    "class": "logging.FileHandler",
    "filename": os.environ["OPERATORS_LOG"],
    "formatter": "plain",
}
LOGGING["root"]["handlers"].append("file")
