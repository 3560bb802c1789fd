"""The canary that looks for secrets in all that a run leaves: it finds them wherever they lie, and fails the run."""

import base64
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka.record.memory_records import MemoryRecordsBuilder

from runtime.security.sealing import make_keys
from tests import canary
from tests.canary import CANARY, MANY, Search
from tests.local.test_run import run


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """What is planted goes with the test: the canary of this very run would find it."""
    yield tmp_path
    shutil.rmtree(tmp_path)


def segment(path: Path, value: bytes) -> None:
    """A file of Kafka's with one record, packed as our producers pack."""
    builder = MemoryRecordsBuilder(2, 3, 1 << 20)
    builder.append(timestamp=1, key=b"k", value=value, headers=[])
    builder.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(builder.buffer())


def written(path: Path, value: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(value)


PLACES: dict[str, tuple[str, Callable[[Path, bytes], None]]] = {
    "topic": ("data/t-1.server.status-0/00000000000000000000.log", segment),
    "log": ("ingest.log", written),
    "database": ("desk.db", written),
    "blob": ("blobs/sha256/ab/abcdef", written),
    "page": ("call.html", written),
    "metric": ("outbound.metrics", written),
}


@pytest.mark.parametrize(("kind", "place"), PLACES.items(), ids=PLACES.keys())
def test_a_secret_is_found_in_every_kind_of_place(
    kind: str, place: tuple[str, Callable[[Path, bytes], None]], directory: Path
) -> None:
    name, write = place
    said = base64.b64encode(f"\0desk\0{CANARY}-and more".encode())
    write(directory / name, b"nothing " * 200)
    harmless = Search()
    harmless.directory(directory)
    assert (harmless.found, harmless.searched) == ([], {kind: 1})
    write(directory / name, b"nothing " * 200 + said)
    search = Search()
    search.directory(directory)
    (found,) = search.found
    assert found.startswith(f"{kind} {directory / name}")


def test_a_topic_that_its_broker_removes_meanwhile_is_passed_over(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        segment(directory / f"data/t-1.topic-{number}/00000000000000000000.log", CANARY.encode())
    gone, scandir = directory / "data/t-1.topic-1", os.scandir

    def removed_first(path: Path) -> Any:
        if Path(path) == gone:
            monkeypatch.undo()
            shutil.rmtree(gone)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", removed_first)
    search = Search()
    search.topics(directory, "t-1", " of this test")
    assert not gone.exists()
    assert [line.split(":")[0] for line in search.found] == [
        "topic t-1.topic-0 of this test",
        "topic t-1.topic-2 of this test",
    ]


def test_a_key_is_known_by_its_file_and_found_elsewhere(directory: Path) -> None:
    make_keys(directory / "key")
    (directory / "ingest.log").write_text((directory / "key").read_text())
    search = Search()
    search.know_keys(directory)
    search.directory(directory)
    (found,) = search.found
    assert "ingest.log" in found


def test_a_secret_at_the_border_of_two_pieces_is_found(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "_AT_ONCE", 1000)
    (directory / "long.log").write_bytes(b"x" * 997 + CANARY.encode() + b"x" * 5000)
    search = Search()
    search.directory(directory)
    assert len(search.found) == 1


@pytest.mark.parametrize(
    ("leaks", "options"),
    [(True, ()), (True, ("-n", "2")), (False, ("-n", "2"))],
    ids=["leak", "leak in a worker", "no leak in a worker"],
)
def test_a_run_that_leaves_a_secret_fails_and_says_where(
    directory: Path, options: tuple[str, ...], leaks: bool
) -> None:
    said = CANARY if leaks else "nothing"
    (directory / "test_it.py").write_text(
        f"def test_it(tmp_path): (tmp_path / 'ingest.log').write_text('PASS {said}')\n"
    )
    done = run(directory, "tests.canary", "-W", "ignore", *options)
    shown = done.stdout
    assert "1 passed" in shown
    assert done.returncode == (1 if leaks else 0)
    assert ("secrets that the run left" in shown) is leaks
    assert ("ingest.log: b'PASS s3cret'" in shown) is leaks
    assert "1 log" in shown


def test_a_run_with_many_topics_in_which_nothing_is_found_to_search_fails(directory: Path) -> None:
    (directory / "test_it.py").write_text(f"""
def test_it(search_topics, tmp_path):
    for _ in range({MANY}):
        search_topics(tmp_path, "t-none")
""")
    done = run(directory, "tests.canary", "-W", "ignore")
    assert "no topic was searched" in done.stdout
    assert done.returncode == 1


def test_a_search_that_finds_nothing_any_more_is_noticed(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert canary._control(directory) == []
    monkeypatch.setattr(canary, "_kind", lambda _path: None)
    assert canary._control(directory) == ["a secret that was planted was not found: nothing was searched"]
    assert not list((directory / "canary-control").iterdir())
