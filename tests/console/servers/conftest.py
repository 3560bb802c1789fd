"""The window to test in, and somebody who looks at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from console.audit import history
from console.settings import conflicts
from tests.console.servers.administration import Administration


@pytest.fixture
def administration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Administration]:
    made = Administration(tmp_path)
    for module in (conflicts, history):
        monkeypatch.setattr(module, "read_to_end", made.read_to_end)
    yield made
    made.engine.dispose()


@pytest.fixture
def client(administration: Administration) -> TestClient:
    return administration.browser()
