"""All other rows of an import: apps and what else `apply` knows, one by one, and groups."""

from dataclasses import replace
from functools import partial

from django.contrib.auth.models import Group
from django.db import transaction

from idp import events
from idp.declaration import COMMAND, SECTIONS, DeclarationError, apply
from idp.declaration import Outcome as Change
from idp.declaration.groups import refuse_odd_names
from idp.declaration.members import is_text
from idp.importers.report import Outcome, Told
from idp.importers.source import Row

#: A file may not name variables of this process's environment: they hold its secrets.
_ACTOR = replace(COMMAND, record=partial(events.record, by="import"), has_environment=False)


def import_thing(row: Row, *, dry_run: bool, overwrite: bool) -> Told:
    """Import a row and return what became of it.

    What is here already stays as it is, unless the operator says to overwrite.
    """
    key = "name" if row.kind == "groups" else SECTIONS[row.kind].key
    noun = "group" if row.kind == "groups" else SECTIONS[row.kind].noun
    what = f"{noun} {row.entry.get(key, '')}".strip()
    told = partial(Told, row.number, row.kind, what)
    try:
        if row.kind == "groups":
            outcome = _group(what, row.entry.get("name"), dry_run=dry_run)
        else:
            outcome = _declared(row, dry_run=dry_run, overwrite=overwrite)
    except DeclarationError as problem:
        lines = (line.removeprefix(f"{what}: ") for line in str(problem).splitlines())
        return told(Outcome.LEFT_OUT, " ".join([*lines, *row.notes]))
    if row.notes:
        return told(Outcome.PARTLY, " ".join(row.notes))
    return told(outcome)


def _declared(row: Row, *, dry_run: bool, overwrite: bool) -> Outcome:
    declaration = {row.kind: [row.entry]}
    changes = apply(declaration, dry_run=True, actor=_ACTOR)
    if not changes:
        return Outcome.UNCHANGED
    is_new = any(change.outcome is Change.ADDED for change in changes)
    if not is_new and not overwrite:
        raise DeclarationError("It differs from the one here, which stays unless --overwrite.")
    if not dry_run:
        apply(declaration, dry_run=False, actor=_ACTOR)
    return Outcome.ADDED if is_new else Outcome.CHANGED


def _group(what: str, name: object, *, dry_run: bool) -> Outcome:
    if not isinstance(name, str) or not is_text(name):
        raise DeclarationError(f"{what}: It has no name.")
    refuse_odd_names(what, "name", [name])
    if Group.objects.filter(name=name).exists():
        return Outcome.UNCHANGED
    if not dry_run:
        with transaction.atomic():
            Group.objects.create(name=name)
    return Outcome.ADDED
