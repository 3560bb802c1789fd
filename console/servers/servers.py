"""The mail servers: what is set up, and how each of them is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.servers.server_settings import Direction, Server, all_servers, direction_of, find_server
from console.settings.secrets import redacted
from console.settings.state import read_state
from runtime.config import ProcessConfig
from runtime.kafka.topic_reader import read_to_end
from schemas.servers import ServerStatus
from schemas.topics import SERVER_STATUS
from schemas.wire import UndecodableError, decode


@dataclass(frozen=True, slots=True)
class ServerAndStatus:
    """A server as it is set up, and the last that was heard of it."""

    server: Server
    status: ServerStatus | None

    def plain(self) -> dict[str, Any]:
        """As plain data, every field there, no sealed box in it: what `--json` prints."""
        status = self.status.model_dump(mode="json") if self.status else None
        return {"server": redacted(self.server, defaults=True), "status": status}


def servers_with_status(config: ProcessConfig) -> Mapping[Direction, list[ServerAndStatus]]:
    """Outgoing and incoming servers in the order of their ids. A status whose server is set up no more is left out.

    Raises `OutageError`, `TopicMissingError`.
    """
    statuses = read_statuses(config)
    found: dict[Direction, list[ServerAndStatus]] = {"outgoing": [], "incoming": []}
    for server in all_servers(read_state(config).settings):
        found[direction_of(server)].append(_with_status(server, statuses))
    return found


def server_with_status(config: ProcessConfig, name: str) -> ServerAndStatus:
    """The server named as for `find_server`. Raises `UserError`, `OutageError`, `TopicMissingError`."""
    return _with_status(find_server(read_state(config).settings, name), read_statuses(config))


def _with_status(server: Server, statuses: Mapping[tuple[str, str], ServerStatus]) -> ServerAndStatus:
    return ServerAndStatus(server, statuses.get((direction_of(server), server.id)))


def read_statuses(config: ProcessConfig) -> Mapping[tuple[str, str], ServerStatus]:
    """The last status of every server that had one, by direction and id. Raises `OutageError`, `TopicMissingError`."""
    found: dict[bytes, ServerStatus] = {}
    for record in read_to_end(config, [SERVER_STATUS.name(config.topic_prefix)]):
        key = record.key or b""
        found.pop(key, None)
        if record.value is not None:
            try:
                found[key] = decode(SERVER_STATUS, record)[1]
            except UndecodableError:
                continue  # somebody else's record says nothing of the server
    return {(status.direction, status.server_id): status for status in found.values()}
