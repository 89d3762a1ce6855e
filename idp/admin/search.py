"""Searches: by index in the whole table; without trigrams, by a part in its newest rows.

Each statement reads a bounded number of rows, however many there are. docs/adr/0010.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from django.db.models import Model, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils.functional import lazy
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.addresses import normalised_email
from accounts.models import User
from foundation import trigrams
from idp.admin.lists import COUNTED_AT_MOST, can_hold
from idp.models import Client

#: How many of a table's newest rows are searched for a part of a name.
NEWEST = COUNTED_AT_MOST
#: The same, before an index is asked.
NEWEST_BESIDE_INDEX = 1000
#: How many rows a search finds.
FOUND_AT_MOST = 500
#: Of how many users or apps a search finds the sessions, events and so on.
NAMED_AT_MOST = 50
_WORDS = 5
#: A UUID, or a number.
_SUBJECT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+")
#: The texts of the trigram indexes that migrations make.
_USER_TEXT = trigrams.TrigramIndex(
    "accounts_user_trigrams",
    "accounts_user",
    "email || ' ' || name || ' ' || given_name || ' ' || family_name",
)
_APP_TEXT = trigrams.TrigramIndex(
    "idp_client_trigrams", "idp_client", "client_id || ' ' || name || ' ' || redirect_uris::text"
)
_USER_COLUMNS = ("email", "name", "given_name", "family_name")
_APPS = ("client_id", "name", "addresses")

#: Help texts: how far a search looks.
_OF_USERS = _(
    "Parts are looked for in the newest {newest} users; of all others, only the beginning of the "
    "email address is."
)
_OF_APPS = _(
    "Parts are looked for in the newest {newest} apps; of all others, only the whole client ID or "
    "the beginning of the name is."
)
_OF_BOTH = _(
    "Parts are looked for in the newest {newest} users and apps; of all others, only the "
    "beginning of the email address or of the app’s name, or the whole client ID is."
)


def helped(words: Any, *, users: bool = False, apps: bool = False) -> Any:
    """Return the help of a search, with how far it looks for parts of names."""
    return format_lazy("{} {}", words, _reach(users=users, apps=apps))


def _reach_in_words(*, users: bool, apps: bool) -> str:
    if trigrams.is_there(_USER_TEXT.name) and trigrams.is_there(_APP_TEXT.name):
        return gettext("A part has at least three letters.")
    bounds = _OF_BOTH if users and apps else _OF_USERS if users else _OF_APPS
    return bounds.format(newest=f"{NEWEST:,}".replace(",", "\xa0"))


_reach = lazy(_reach_in_words, str)


def users(term: str, most: int = NAMED_AT_MOST) -> list[int]:
    """Return the keys of users by subject, whole address or its beginning, part of it or of a name.

    Who is found by their subject or whole address is found alone. A UUID or number is looked up as
    a subject first. Any other term is where nothing else is found: that saves a statement.
    """
    if _SUBJECT.fullmatch(term) and (known := _by_subject(term)):
        return known
    email = normalised_email(term)
    whole = User.objects.filter(email=email).values_list("pk", flat=True) if "@" in email else ()
    if found := list(whole):
        return found
    # Where in the index it begins: without that, SQLite reads the whole index.
    begun = User.objects.filter(email__gte=email, email__startswith=email).order_by("email")
    return _first(most, chain([begun], _partly(_USER_TEXT, _of_users, term))) or _by_subject(term)


def _by_subject(term: str) -> list[int]:
    if not can_hold(User._meta.get_field("sub"), term):
        return []
    return list(User.objects.filter(sub=term).values_list("pk", flat=True))


def _of_users(newest: int, term: str) -> QuerySet[Any]:
    return having(User.objects.order_by("-pk"), _USER_COLUMNS, term, newest)


def apps(term: str, most: int = NAMED_AT_MOST) -> list[int]:
    """Return the keys of apps by client_id, or part of it, of the name or of a redirect URI."""
    known = Client.objects.filter(Q(client_id=term) | Q(name__startswith=term)).order_by()
    return _first(most, chain([known], _partly(_APP_TEXT, _of_apps, term)))


def _of_apps(newest: int, term: str) -> QuerySet[Any]:
    with_addresses = Client.objects.order_by("-pk").alias(
        addresses=Cast("redirect_uris", TextField())
    )
    return having(with_addresses, _APPS, term, newest)


def _partly(
    index: trigrams.TrigramIndex, among: Callable[[int, str], QuerySet[Any]], term: str
) -> Iterator[QuerySet[Any]]:
    """Yield searches for parts: among the newest rows, and by the index where it helps.

    What very many rows have is found among the newest: the index would give all of them.
    """
    if not index.finds(term):
        yield among(NEWEST_BESIDE_INDEX if trigrams.is_there(index.name) else NEWEST, term)
        return
    newest = among(NEWEST_BESIDE_INDEX, term)
    yield newest
    keys = index.keys(term.split()[:_WORDS], FOUND_AT_MOST)
    yield newest.model._default_manager.filter(pk__in=keys).order_by("-pk")


def having(
    rows: QuerySet[Any], columns: Iterable[str], term: str, newest: int = NEWEST
) -> QuerySet[Any]:
    """Return the newest rows of a table that have each word of a term in one of its columns.

    Where they begin is a statement of its own: PostgreSQL would start parallel workers for a third
    of the table, if it didn't know.
    """
    model: type[Model] = rows.model
    begin = model._default_manager.order_by("-pk").values_list("pk", flat=True)
    rows = rows.filter(pk__gte=next(iter(begin[newest - 1 : newest]), 0))
    for word in term.split()[:_WORDS]:
        rows = rows.filter(
            Q(*((f"{column}__icontains", word) for column in columns), _connector=Q.OR)
        )
    return rows


def any_of(rows: QuerySet[Any], **keys: list[Any]) -> QuerySet[Any]:
    """Return rows that have one of some keys in one of their columns, the newest of each column.

    A statement for each column: for several in one, PostgreSQL may read the table in its order.
    """
    found: set[Any] = set()
    for lookup, values in keys.items():
        if values:
            newest = rows.filter(**{lookup: values}).order_by("-pk")
            found.update(newest.values_list("pk", flat=True)[:FOUND_AT_MOST])
    return rows.filter(pk__in=found)


def _first(most: int, searches: Iterable[QuerySet[Any]]) -> list[int]:
    """Return the first keys that these searches find, those of the earlier before the others."""
    found: dict[int, None] = {}
    for search in searches:
        found.update(dict.fromkeys(search.values_list("pk", flat=True)[:most]))
        if len(found) >= most:
            break
    return list(found)[:most]
