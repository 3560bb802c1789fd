"""The heavy servers of a run: each is started once, by the process that the run began with, and ends with that process.

With pytest-xdist the tests run in several worker processes. A worker that needs a server asks the first process, which
starts it for the first that asks, and answers with a copy: the same addresses, but nothing that a worker could end.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from multiprocessing.connection import Client, Listener
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.canary import RUNNING


def _broker() -> Any:
    from deploy.local.servers.broker import choose_broker

    return choose_broker()


def _database() -> Any:
    from deploy.local.servers.database import Database

    return Database()


def _mail_host() -> Any:
    from deploy.local.servers.mail_host import MailHost

    return MailHost()


# Imported with the first test that asks: most runs need none of them.
SERVERS: Mapping[str, Callable[[], Any]] = {"broker": _broker, "database": _database, "mail_host": _mail_host}
_ASK = pytest.StashKey[Callable[[str], Any]]()


@pytest.fixture(scope="session")
def ask_server(pytestconfig: pytest.Config) -> Callable[[str], Any]:
    """The server of that name in `SERVERS`, as it runs. Raises `NotAvailableError` or `StartError`."""
    return pytestconfig.stash[_ASK]


class SharedServers:
    """In the first process: `ask` starts a server of `SERVERS` or returns the one that runs. `close` ends all of them.

    Workers are answered one after the other on a thread of its own, which makes every start the only one.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._running: dict[str, Any] = {}
        self._listener: Listener | None = None

    def ask(self, name: str) -> Any:
        """Raises `NotAvailableError` or `StartError`."""
        if name not in self._running:
            self._running[name] = self._stack.enter_context(SERVERS[name]())
        return self._running[name]

    def directories(self) -> list[Path]:
        """Where those lie that run now and are our own kind of server: the broker, the database."""
        running = [self._running[name] for name in ("broker", "database") if name in self._running]
        return [server.directory for server in running if hasattr(server, "directory")]

    def listen(self) -> str:
        """Answer workers from now on: the address for `ask_first_process`."""
        self._listener = Listener()
        Thread(target=self._answer, args=[self._listener], daemon=True).start()
        return str(self._listener.address)

    def _answer(self, listener: Listener) -> None:
        while True:
            try:
                connection = listener.accept()
            except OSError:
                return  # closed
            with connection:
                try:
                    connection.send(self.ask(connection.recv()))
                except Exception as error:  # raised where it was asked
                    connection.send(error)

    def close(self) -> None:
        if self._listener:
            self._listener.close()
        self._stack.close()


def ask_first_process(address: str, name: str) -> Any:
    """In a worker, the same as `SharedServers.ask`."""
    with closing(Client(address)) as connection:
        connection.send(name)
        answer = connection.recv()
    if isinstance(answer, Exception):
        raise answer
    return answer


# ---- pytest's hooks --------------------------------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    if address := getattr(config, "workerinput", {}).get("servers"):
        config.stash[_ASK] = lambda name: ask_first_process(address, name)
        return
    servers = SharedServers()
    config.stash[_ASK] = servers.ask
    config.stash[RUNNING] = servers.directories
    config.add_cleanup(servers.close)
    config.pluginmanager.register(_Workers(servers))


class _Workers:
    def __init__(self, servers: SharedServers) -> None:
        self._servers = servers
        self._address = ""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """pytest-xdist makes a worker."""
        self._address = self._address or self._servers.listen()
        node.workerinput["servers"] = self._address
