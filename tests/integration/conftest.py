"""An embedded ClickHouse for the files whose tests ask it."""

import asyncio
from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from tests.books import Books, named


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    """An embedded ClickHouse of its own."""
    own = Books(tmp_path_factory.mktemp("books"))
    asyncio.run(own.start())
    yield own
    own.kill()


@pytest.fixture
def client(books: Books, request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client of a database that no other test uses, with every table."""
    migrated = books.migrated(named(request))
    yield migrated
    migrated.close()
