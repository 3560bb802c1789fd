"""The desk on both databases, its tables made."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from desk.engine import open_desk
from desk.migrate import upgrade


@pytest.fixture
def engine(desk_url: str) -> Iterator[Engine]:
    engine = open_desk(desk_url)
    upgrade(engine)
    yield engine
    engine.dispose()
