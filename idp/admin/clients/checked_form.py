"""The base of every form that saves an app: run the checks of client metadata."""

from typing import Any

from django.core.exceptions import ValidationError

from idp.admin.clients import tabs
from idp.admin.recent_authentication import RecentAuthenticationForm
from idp.clients import validation
from idp.models import Client
from idp.protocol.errors import TemporarilyUnavailable


class CheckedForm(RecentAuthenticationForm):
    """A form of an app that is valid only where all checks of its metadata hold."""

    #: The result of the remote checks. They run before the transaction in which the form is saved.
    remote_problem: ValidationError | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Columns of problems with fields that this form does not have, by what is said.
        self.elsewhere: dict[str, str] = {}

    def _post_clean(self) -> None:
        """Check the app as a whole, beyond the fields."""
        super()._post_clean()  # type: ignore[misc]
        try:
            validation.check(self.instance)
        except ValidationError as problem:
            self._add(problem)
        if self.remote_problem and not self.errors:
            self._add(self.remote_problem)

    def _add(self, problem: ValidationError) -> None:
        """Add errors to their fields; those of other fields to the form, with the field's name."""
        for column, said in problem.message_dict.items():
            if column in self.fields:
                self.add_error(column, said)
                continue
            for text in said:
                named = f"{tabs.label_of(column)}: {text}"
                self.elsewhere[named] = column
                self.add_error(None, named)


def remote_problem_with(client: Client) -> ValidationError | None:
    """Return what the remote checks of an app's metadata find. May take seconds."""
    try:
        validation.check_remotely(client)
    except ValidationError as problem:
        return problem
    except TemporarilyUnavailable as problem:
        return ValidationError({"sector_identifier_uri": [str(problem)]})
    return None
