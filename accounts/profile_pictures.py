"""Pictures that users upload: stored through Django's storage API, at unguessable addresses.

A new picture has a new name, so that its address can be cached for ever. The row names the file; a
file that no row names is an orphan, which the worker deletes.
"""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from accounts.models import User
from foundation import pictures
from foundation.rate_limits import RateLimit

#: Bytes that an uploaded file may have.
LARGEST = 2 * 1024 * 1024
CONTENT_TYPE = "image/jpeg"
UPLOADS = RateLimit("picture-uploads", 20, timedelta(hours=1))
_FOLDER = "pictures"
#: How old a file is before it can be an orphan: its row is written after it.
_ORPHAN_AFTER = timedelta(hours=1)
_BATCH = 500
log = structlog.get_logger(__name__)


def replace(user: User, data: bytes) -> None:
    """Store a user's new picture. Raises UnusablePictureError, and OSError of the storage."""
    portrait = pictures.reencoded(data, "portrait")
    name = f"{secrets.token_urlsafe(24)}.jpg"
    default_storage.save(_path(name), ContentFile(portrait))
    _set(user, name)


def remove(user: User) -> None:
    """Remove a user's picture: the uploaded one, and the address of one elsewhere."""
    _set(user, "")


def opened(name: str) -> bytes | None:
    """Return the picture in the file of this name, or None."""
    try:
        with default_storage.open(_path(name)) as file:
            return bytes(file.read())
    except FileNotFoundError:
        return None


def path_of(name: str) -> str:
    """Return the path of a picture at our host; empty if there is none."""
    return f"{settings.IDP_PATH}/picture/{name}" if name else ""


def address_of(name: str) -> str:
    """Return the absolute address of a picture, for the claim `picture`; empty if there is none."""
    return f"{settings.IDP_ORIGIN}{path_of(name)}" if name else ""


def delete_file(name: str) -> None:
    """Delete a picture's file, if there is one. An error leaves it to the worker."""
    if not name:
        return
    try:
        default_storage.delete(_path(name))
    except OSError as problem:
        log.warning("picture_not_deleted", reason=str(problem))


def delete_orphans(now: datetime) -> Iterator[int]:
    """Delete the files that no user has, and yield the number of each batch."""
    names = _stored()
    for start in range(0, len(names), _BATCH):
        batch = names[start : start + _BATCH]
        used = User.objects.filter(uploaded_picture__in=batch)
        orphans = set(batch) - set(used.values_list("uploaded_picture", flat=True))
        yield sum(_deleted_if_old(name, now) for name in sorted(orphans))


def _stored() -> list[str]:
    try:
        _folders, names = default_storage.listdir(_FOLDER)
    except FileNotFoundError:  # nothing was uploaded yet
        return []
    return sorted(names)


def _deleted_if_old(name: str, now: datetime) -> bool:
    try:
        is_old = default_storage.get_modified_time(_path(name)) <= now - _ORPHAN_AFTER
    except FileNotFoundError:  # its user has just deleted it
        return False
    if is_old:
        default_storage.delete(_path(name))
    return is_old


def _set(user: User, name: str) -> None:
    """Set the name of a user's picture, and delete the file of the one before."""
    with transaction.atomic():
        before = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        user.picture, user.uploaded_picture = "", name
        user.save(update_fields=["picture", "uploaded_picture", "updated_at"])
        transaction.on_commit(lambda: delete_file(before.uploaded_picture))


def _path(name: str) -> str:
    return f"{_FOLDER}/{name}"
