"""The running watchers as settings and ownership change: what is told of servers that are no longer watched here."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from deploy.local.ports import wait_until
from ingest.connectors import connector_for
from ingest.connectors.base import Connector
from ingest.context import MemoryBudget, WatcherContext
from ingest.server_assignment import partition_of
from ingest.watchers import WatcherPool
from mailserver.sasl import Credentials
from runtime.blobs import BlobStore
from runtime.outages import OutageError
from runtime.telemetry.health import Health
from schemas.reasons import Reason
from schemas.settings import IncomingServer, MapiProfile
from schemas.snapshot import SettingsSnapshot
from schemas.topics import SERVER_STATUS
from schemas.wire import OutputRecord

PARTITIONS = 12
EVERY = range(PARTITIONS)
GAUGES = ("up", "last_success_timestamp_seconds", "backlog_mails")


class Broker:
    """Takes what is published, or is away."""

    def __init__(self) -> None:
        self.published: list[OutputRecord] = []
        self.away = False

    def publish(self, messages: list[OutputRecord]) -> None:
        if self.away and messages:
            raise OutageError(Reason.BROKER_AWAY, "away")
        self.published += messages

    def deleted(self) -> list[str]:
        return [message.key for message in self.published if message.topic is SERVER_STATUS and message.value is None]


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def watchers(broker: Broker, tmp_path: Path) -> Iterator[WatcherPool]:
    watchers = WatcherPool(surroundings(broker, tmp_path))
    yield watchers
    watchers.close()


def surroundings(broker: Broker, tmp_path: Path) -> WatcherContext:
    return WatcherContext(
        connect=lambda server: connector_for(server, Credentials("", "")),
        publish=broker.publish,
        refused=lambda _server: False,
        secret=lambda _server: "",
        blobs=BlobStore(tmp_path.as_uri()),
        memory=MemoryBudget(),
        health=Health(),
    )


def settings(*servers: IncomingServer) -> SettingsSnapshot:
    return SettingsSnapshot({f"incoming-server/{server.id}": server for server in servers})


def shown(server_id: str) -> list[float | None]:
    return [REGISTRY.get_sample_value(f"mailcall_incoming_server_{name}", {"server": server_id}) for name in GAUGES]


def test_the_status_of_a_deleted_server_is_deleted_once_the_broker_is_there(
    watchers: WatcherPool, broker: Broker, incoming_server: Any
) -> None:
    disabled = incoming_server(enabled=False)
    for _ in range(2):
        watchers.adjust(settings(disabled), EVERY, PARTITIONS)
    assert broker.deleted() == []
    broker.away = True
    watchers.adjust(settings(), EVERY, PARTITIONS)
    broker.away = False
    watchers.adjust(settings(incoming_server(id="other", enabled=False)), EVERY, PARTITIONS)
    assert broker.deleted() == ["it"]
    watchers.adjust(settings(), EVERY, PARTITIONS)
    assert broker.deleted() == ["it", "other"]


def test_a_changed_profile_makes_new_watchers_of_its_servers_alone(
    broker: Broker, incoming_server: Any, tmp_path: Path
) -> None:
    """A folder stands for the mailbox: what is watched for is whose connections are made anew."""
    connected: list[str] = []

    def connect(server: IncomingServer) -> Connector:
        connected.append(server.id)
        folder = incoming_server(id=server.id, protocol="folder", path=str(tmp_path), authentication="none")
        return connector_for(folder, Credentials("", ""))

    mapi = {"protocol": "mapi", "mailbox": "it@desk.example", "username": None, "password": None}
    here = incoming_server(id="here", profile="online", **mapi)
    there = incoming_server(id="there", profile="other", **mapi)
    profiles = {
        f"mapi-profile/{id_}": MapiProfile(id=id_, transport="graph", managed_identity=True)
        for id_ in ("online", "other")
    }
    watchers = WatcherPool(replace(surroundings(broker, tmp_path), connect=connect))
    try:
        for name in ("Exchange", "Exchange", "Exchange Online"):
            online = profiles["mapi-profile/online"].model_copy(update={"name": name})
            known = {**profiles, "mapi-profile/online": online}
            watchers.adjust(SettingsSnapshot({**settings(here, there).settings, **known}), EVERY, PARTITIONS)
        assert wait_until(lambda: len(connected) >= 3, 20)
    finally:
        watchers.close()
    assert sorted(connected) == ["here", "here", "there"]


def test_a_server_that_is_another_replicas_now_keeps_its_status_and_has_no_metrics_here(
    watchers: WatcherPool, broker: Broker, incoming_server: Any, tmp_path: Path
) -> None:
    server = incoming_server(id="ours-for-a-while", protocol="folder", path=str(tmp_path), authentication="none")
    watchers.adjust(settings(server), EVERY, PARTITIONS)
    assert wait_until(lambda: shown(server.id)[0] == 1, 20)
    assert None not in shown(server.id)
    given_up = partition_of(server.id, PARTITIONS)
    watchers.drop({given_up}, PARTITIONS)
    assert shown(server.id) == [None, None, None]
    watchers.adjust(settings(server), set(EVERY) - {given_up}, PARTITIONS)
    assert (len(watchers), broker.deleted()) == (0, [])


def test_a_server_in_trouble_is_down_and_its_last_success_stays(
    watchers: WatcherPool, incoming_server: Any, tmp_path: Path
) -> None:
    path = tmp_path / "mails"
    path.mkdir()
    server = incoming_server(
        id="soon-in-trouble", protocol="folder", path=str(path), authentication="none", poll_seconds=0.1
    )
    watchers.adjust(settings(server), EVERY, PARTITIONS)
    assert wait_until(lambda: shown(server.id)[0] == 1, 20)
    path.rmdir()
    assert wait_until(lambda: shown(server.id)[0] == 0, 20)
    assert shown(server.id)[1] is not None
