"""What the tests of faults share: a PostgreSQL server of their own, and a site on it."""

import logging
from collections.abc import Iterator

import pytest
from django.db import connection

from tests.outages import Cluster, cluster
from tests.ports import free_port
from tests.scale.load import DECLARED
from tests.scale.site import Site, running_site

logging.getLogger("httpx").setLevel(logging.WARNING)  # thousands of lines otherwise


@pytest.fixture(scope="session", autouse=True)
def on_postgresql(database: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("is about PostgreSQL")


@pytest.fixture(scope="session")
def postgres(database: None) -> Iterator[Cluster]:
    with cluster(DECLARED) as running:
        yield running


@pytest.fixture(scope="session")
def redis_port() -> int:
    """The port of the site's Redis, which each test runs that needs it."""
    return free_port()


@pytest.fixture(scope="session")
def site(
    postgres: Cluster, redis_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder, cache = tmp_path_factory.mktemp("site"), f"redis://127.0.0.1:{redis_port}/0"
    with running_site(folder, DATABASE_URL=postgres.url, CACHE_URL=cache) as running:
        yield running
