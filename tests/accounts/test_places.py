"""Places of IP addresses: names in the reader's language, and files that are odd or replaced."""

from pathlib import Path

import pytest
from django.conf import settings
from django.utils.translation import override

from accounts import places
from accounts.places import place_of, problem_with
from idp.deploy_checks import deployment_is_safe
from tests.places import place, write_places

LISBON = place({"en": "Lisbon", "de": "Lissabon"}, {"en": "Portugal"})


@pytest.fixture
def database_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "places.mmdb"
    monkeypatch.setattr(settings, "IDP_GEOIP_DB", str(path))
    return path


def test_a_place_is_named_in_the_readers_language(database_file: Path) -> None:
    write_places(database_file, {"198.51.100.0/24": LISBON})
    with override("en"):
        assert place_of("198.51.100.7") == "Lisbon, Portugal"
    with override("de"):
        assert place_of("198.51.100.7") == "Lissabon, Portugal", "English where there is no German"
    assert place_of("203.0.113.9") == place_of(None) == place_of("2001:db8::1") == ""
    assert place_of("no address") == ""
    assert problem_with(str(database_file)) is None


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"country": {"names": {"en": "Portugal"}}}, "Portugal"),
        ({"city": "Lisbon", "country": "PT"}, "Lisbon, PT"),
        ({"city": {"names": {"en": 7}}, "country": {"names": ["Portugal"]}}, ""),
        ({"city": {}, "autonomous_system_number": 64496}, ""),
    ],
)
def test_databases_of_others_have_other_records(
    database_file: Path, record: dict[str, object], words: str
) -> None:
    write_places(database_file, {"198.51.100.0/24": record})
    with override("en"):
        assert place_of("198.51.100.7") == words


def test_a_replaced_file_is_read_anew(database_file: Path) -> None:
    write_places(database_file, {"198.51.100.0/24": LISBON})
    with override("en"):
        assert place_of("198.51.100.7") == "Lisbon, Portugal"
        write_places(database_file, {"198.51.100.0/24": place({"en": "Porto"}, {"en": "Portugal"})})
        assert place_of("198.51.100.7") == "Porto, Portugal"
        database_file.unlink()
        assert place_of("198.51.100.7") == ""
        write_places(database_file, {"198.51.100.0/24": LISBON})
        assert place_of("198.51.100.7") == "Lisbon, Portugal"


def test_a_broken_file_is_no_fault_and_is_warned_of(database_file: Path) -> None:
    write_places(database_file, {"198.51.100.0/24": LISBON})
    sound = database_file.read_bytes()
    for broken in (b"", b"GeoLite2", sound[:-40], sound[40:], sound[:200] + sound[260:]):
        database_file.write_bytes(broken)
        assert isinstance(place_of("198.51.100.7"), str)
    database_file.write_bytes(b"GeoLite2")
    assert problem_with(str(database_file))
    assert "idp.W021" in {message.id for message in deployment_is_safe()}
    write_places(database_file, {"198.51.100.0/24": LISBON})
    assert "idp.W021" not in {message.id for message in deployment_is_safe()}


def test_a_file_that_is_overwritten_in_place_ends_no_process(database_file: Path) -> None:
    """A mapped file would: reading behind its new end is a bus error."""
    write_places(database_file, {"198.51.100.0/24": LISBON})
    place_of("198.51.100.7")
    reader = places._database._reader
    with database_file.open("r+b") as file:
        file.truncate(0)
    assert reader is not None
    with pytest.raises(Exception, match=r".*"):
        reader.get("198.51.100.7")
    assert place_of("198.51.100.7") == ""
