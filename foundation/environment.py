"""Settings from environment variables, and secrets from files: each value, or its problem.

The names of the methods and the URLs are django-environ's. Unlike it, a word that is no switch is
not silently false, a leading `$` is a character, and no problem quotes what may be a secret.
"""

import builtins
import json
import warnings
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

_TRUE, _FALSE = ("true", "on", "yes", "y", "1", "ok"), ("false", "off", "no", "n", "0")
_DATABASES = ("sqlite3", "postgresql")


class Environment:
    """The variables of a process. One that can't be read has its default, and its problem is kept.

    `secrets` are variables that may be in a file instead, whose path is in NAME_FILE: as Docker,
    Kubernetes and systemd hand them over.
    """

    def __init__(self, variables: Mapping[str, str], secrets: Collection[str]) -> None:
        #: Sentences, to show to the operator before anything runs on a default by mistake.
        self.problems: list[str] = []
        self._values = {**variables, **self._from_files(variables, secrets)}

    def str(self, name: builtins.str, default: builtins.str) -> builtins.str:
        """Return a text."""
        return self._values.get(name, default)

    def list(
        self, name: builtins.str, default: "builtins.list[builtins.str]"
    ) -> "builtins.list[builtins.str]":
        """Return texts that are separated by commas."""
        if name not in self._values:
            return default
        return [entry for entry in self._values[name].split(",") if entry]

    def bool(self, name: builtins.str, default: builtins.bool) -> builtins.bool:
        """Return a switch."""
        word = self._values.get(name, builtins.str(default)).strip().lower()
        if word in (*_TRUE, *_FALSE):
            return word in _TRUE
        self.problems.append(f"{name} is neither true nor false: {word or 'it is empty'}.")
        return default

    def int(self, name: builtins.str, default: builtins.int) -> builtins.int:
        """Return a whole number."""
        word = self._values.get(name, builtins.str(default))
        try:
            return builtins.int(word)
        except ValueError:
            self.problems.append(f"{name} is no whole number: {word or 'it is empty'}.")
            return default

    def json(self, name: builtins.str, default: Any) -> Any:
        """Return what a text in JSON means."""
        try:
            return json.loads(self._values[name]) if name in self._values else default
        except ValueError:
            self.problems.append(f"{name} is not JSON.")
            return default

    def database(self, name: builtins.str, default: builtins.str) -> Any:
        """Return Django's configuration of a database at a URL: PostgreSQL or SQLite."""
        example = "postgres://user:password@host:5432/name"
        return self._at_url(name, default, example, environ.Env.db_url_config, _is_database)

    def cache(self, name: builtins.str, default: builtins.str) -> Any:
        """Return Django's configuration of a cache at a URL."""
        return self._at_url(name, default, "redis://host:6379/0", environ.Env.cache_url_config)

    def email(self, name: builtins.str, default: builtins.str) -> Any:
        """Return Django's settings of a mail server at a URL."""
        example = "smtp+tls://user:password@host:587"
        return self._at_url(name, default, example, environ.Env.email_url_config)

    def _at_url(
        self,
        name: builtins.str,
        default: builtins.str,
        example: builtins.str,
        parse: Callable[[builtins.str], Any],
        is_usable: Callable[[Any], builtins.bool] = builtins.bool,
    ) -> Any:
        try:
            with warnings.catch_warnings(action="ignore"):  # these quote the password
                configuration = parse(self._values.get(name, default))
            if is_usable(configuration):
                return configuration
        except (ValueError, ImproperlyConfigured):
            pass
        self.problems.append(
            f"{name} can't be read. Write it like {example}; in a password, percent-encode all "
            "characters but letters and digits."
        )
        return parse(default)

    def _from_files(
        self, variables: Mapping[builtins.str, builtins.str], secrets: Collection[builtins.str]
    ) -> dict[builtins.str, builtins.str]:
        values = {}
        for name in secrets:
            path = variables.get(f"{name}_FILE")
            if path and variables.get(name):
                self.problems.append(f"{name} and {name}_FILE are both set: unset one of them.")
            elif path:
                values[name] = self._content(f"{name}_FILE", Path(path))
        return values

    def _content(self, name: builtins.str, path: Path) -> builtins.str:
        """Return a file's text, without the line's end that editors add."""
        try:
            text = path.read_text(encoding="utf-8").strip()
        except UnicodeDecodeError:
            problem = "is no text in UTF-8"
        except OSError as error:
            problem = f"can't be read: {error.strerror}"
        else:
            if text:
                return text
            problem = "is empty"
        self.problems.append(f"{name}: {path} {problem}.")
        return ""


def _is_database(configuration: Mapping[str, Any]) -> bool:
    return str(configuration.get("ENGINE", "")).endswith(_DATABASES)
