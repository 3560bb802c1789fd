"""Servers of a whole run: started once, known to every worker, ended by the first process alone."""

import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from deploy.local import NotAvailableError
from deploy.local.servers.database import Database
from tests import shared_servers
from tests.shared_servers import SharedServers, ask_first_process

happened: list[str] = []


class Fake(AbstractContextManager["Fake"]):
    def __enter__(self) -> "Fake":
        happened.append("started")
        return self

    def __exit__(self, *_: object) -> None:
        happened.append("ended")


def absent() -> Fake:
    raise NotAvailableError("no such server here: install it")


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[SharedServers]:
    happened.clear()
    monkeypatch.setattr(shared_servers, "SERVERS", {"fake": Fake, "absent": absent})
    with closing(SharedServers()) as servers:
        yield servers


def test_however_many_ask_it_is_started_once_and_ended_once(servers: SharedServers) -> None:
    address = servers.listen()
    with ThreadPoolExecutor(4) as workers:
        asked = list(workers.map(lambda _: ask_first_process(address, "fake"), range(8)))
    assert [type(one) for one in asked] == [Fake] * 8
    assert happened == ["started"]
    servers.close()
    assert happened == ["started", "ended"]


def test_what_cannot_be_had_is_told_to_whoever_asks(servers: SharedServers) -> None:
    address = servers.listen()
    for _ in range(2):
        with pytest.raises(NotAvailableError, match="install it"):
            ask_first_process(address, "absent")
    assert ask_first_process(address, "fake")


def test_a_servers_copy_knows_where_it_is_and_cannot_end_it(database: Database) -> None:
    copy: Database = pickle.loads(pickle.dumps(database))
    assert (copy.url("desk"), copy.pid, copy.directory) == (database.url("desk"), database.pid, database.directory)
    assert copy.pid is not None
    copy.close()
    assert Path(f"/proc/{copy.pid}").exists() or not Path("/proc/self").exists()
    assert database.directory.exists()
