"""Deleting a row with all that belongs to it, however much that is: in batches, deepest first."""

from typing import Any

from django.db import models

_BATCH = 500


def delete_in_batches(row: models.Model) -> None:
    """Delete a row after all rows that CASCADE would delete with it (on_delete=CASCADE).

    A statement deletes some hundreds of rows at most. Each batch is its own transaction, unless the
    call is within one: an interrupted deletion can be repeated.
    """
    _delete_what_belongs_to(type(row), [row.pk])
    row.delete()


def _delete_what_belongs_to(model: type[models.Model], keys: list[Any]) -> None:
    for relation in model._meta.get_fields(include_hidden=True):
        if not _cascades(relation):
            continue
        related: Any = relation.related_model
        rows = related._base_manager.filter(**{f"{relation.field.name}__in": keys})  # type: ignore[union-attr]
        while batch := list(rows.values_list("pk", flat=True)[:_BATCH]):
            _delete_what_belongs_to(related, batch)
            related._base_manager.filter(pk__in=batch).delete()


def _cascades(relation: Any) -> bool:
    """Whether a field of a model's is a foreign key that leads here, and its row goes along."""
    return (
        relation.auto_created
        and not relation.concrete
        and (relation.one_to_one or relation.one_to_many)
        and relation.on_delete is models.CASCADE
    )
