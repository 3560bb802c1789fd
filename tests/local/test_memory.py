"""Temporary files lie in memory where that can be."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

from deploy.local.memory import temporary_directory


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)


def usual() -> Path:
    return Path(tempfile.gettempdir())


def test_it_is_taken_where_there_is_room(tmp_path: Path) -> None:
    assert temporary_directory(tmp_path, room_bytes=0) == tmp_path


def test_it_is_not_taken_where_it_is_too_small_or_not_there(tmp_path: Path) -> None:
    assert temporary_directory(tmp_path, room_bytes=sys.maxsize) == usual()
    assert temporary_directory(tmp_path / "nowhere", room_bytes=0) == usual()


def test_it_is_not_taken_where_no_program_may_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_it_is = list(os.statvfs(tmp_path))
    as_it_is[8] |= os.ST_NOEXEC
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(as_it_is))
    assert temporary_directory(tmp_path, room_bytes=0) == usual()


def test_what_is_named_is_kept_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(usual()))
    assert temporary_directory(tmp_path, room_bytes=0) == usual()
