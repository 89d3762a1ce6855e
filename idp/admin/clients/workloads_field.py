"""The field of an app's workloads: a row of inputs for each, and one for another."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from idp.admin.fields import PairLines
from idp.models import TrustedIssuer

_TEXTS = ("issuer", "subject", "audience")
#: Rows that are read of a form.
_MOST = 60
#: Of the claims that a token has to have.
_CLAIMS = PairLines(problem=_("Write “claim = value”, each claim once:"), required=False)
_refuse_nul = ProhibitNullCharactersValidator()
Row = dict[str, Any]


class WorkloadsWidget(forms.Widget):
    """Rows of inputs; a row whose subject is emptied is left out."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:  # noqa: ARG002
        """Return the rows, with an empty one at the end."""
        rows = value if isinstance(value, list) else []
        chosen = {row.get("issuer", "") for row in rows if isinstance(row, dict)} - {""}
        context = {
            "name": name,
            "id": (attrs or {}).get("id", f"id_{name}"),
            "rows": [*(_shown(row) for row in rows), {}],
            "issuers": sorted(_offered() | chosen),
        }
        return mark_safe(render_to_string("admin/workloads.html", context))  # noqa: S308  a template's

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Row]:  # noqa: ARG002
        """Return the rows as they were typed."""
        rows = []
        for number in range(_MOST):
            row: Row = {member: data.get(f"{name}-{number}-{member}", "") for member in _TEXTS}
            row["claims"] = data.get(f"{name}-{number}-claims", "")
            row["single_use"] = f"{name}-{number}-single_use" in data
            if row["subject"].strip():
                rows.append(row)
        return rows

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:  # noqa: ARG002
        """Whether the form had no such field."""
        return f"{name}-0-subject" not in data

    def id_for_label(self, id_: str) -> str:
        """Return the first input."""
        return f"{id_}-0-issuer"


class WorkloadsField(forms.Field):
    """The workloads of an app, as they are stored."""

    widget = WorkloadsWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def clean(self, value: Any) -> list[Row]:
        """Return the workloads. Raises ValidationError for claims that can't be read."""
        return [self._stored(row) for row in value or []]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether there are other workloads."""
        try:
            return bool(self.clean(data) != [_without_empty(row) for row in initial or []])
        except ValidationError:
            return True

    def _stored(self, row: Row) -> Row:
        """Return a row as it is stored."""
        for value in row.values():
            _refuse_nul(value if isinstance(value, str) else "")
        texts = {member: row[member].strip() for member in _TEXTS}
        claims = _CLAIMS.clean(row["claims"])
        return _without_empty({**texts, "claims": claims, "single_use": row["single_use"]})


def _without_empty(row: Row) -> Row:
    return {member: value for member, value in row.items() if value}


def _offered() -> set[str]:
    """Return the issuers that are trusted with workloads."""
    issuers = TrustedIssuer.objects.values_list("issuer", "purposes")
    return {name for name, purposes in issuers if TrustedIssuer.Purpose.WORKLOADS in purposes}


def _shown(row: Row) -> Row:
    """Return a row with its claims as lines."""
    return {**row, "claims": _CLAIMS.prepare_value(row.get("claims", ""))}
