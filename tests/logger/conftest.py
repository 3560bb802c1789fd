"""A logger on both databases."""

from collections.abc import Iterator

import pytest

from tests.logger.harness import Logger, opened


@pytest.fixture
def logger(desk_url: str) -> Iterator[Logger]:
    with opened(desk_url) as logger:
        yield logger


@pytest.fixture
def another(desk_url: str, logger: Logger) -> Iterator[Logger]:
    """A second logger on the same desk, with connections of its own."""
    with opened(desk_url) as another:
        yield another
