"""The desk on both databases, its tables made."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from desk.engine import open_desk


@pytest.fixture
def engine(desk_url: str) -> Iterator[Engine]:
    engine = open_desk(desk_url)
    yield engine
    engine.dispose()
