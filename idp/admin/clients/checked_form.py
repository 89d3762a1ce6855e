"""The base of every form that saves an app: run the checks of client metadata."""

from django.core.exceptions import ValidationError

from idp.admin.recent_authentication import RecentAuthenticationForm
from idp.clients import validation
from idp.models import Client
from idp.protocol.errors import TemporarilyUnavailable


class CheckedForm(RecentAuthenticationForm):
    """A form of an app that is valid only where all checks of its metadata hold."""

    #: The result of the remote checks. They run before the transaction in which the form is saved.
    remote_problem: ValidationError | None = None

    def _post_clean(self) -> None:
        """Check the app as a whole, beyond the fields."""
        super()._post_clean()  # type: ignore[misc]
        try:
            validation.check(self.instance)
        except ValidationError as problem:
            self._update_errors(problem)  # type: ignore[attr-defined]
        if self.remote_problem and not self.errors:
            self.add_error(None, self.remote_problem)


def remote_problem_with(client: Client) -> ValidationError | None:
    """Return what the remote checks of an app's metadata find. May take seconds."""
    try:
        validation.check_remotely(client)
    except ValidationError as problem:
        return problem
    except TemporarilyUnavailable as problem:
        return ValidationError({"sector_identifier_uri": [str(problem)]})
    return None
