"""The tests of this folder have no broker."""

import pytest

from tests.console.settings.desk_window import read_from_memory


@pytest.fixture(autouse=True)
def _in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    read_from_memory(monkeypatch)
