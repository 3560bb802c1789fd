"""Through which outgoing server a notification goes: its partition's, else the default one."""

from dataclasses import dataclass
from typing import Literal

from schemas.reasons import Reason
from schemas.settings import OutgoingServer
from schemas.snapshot import SettingsSnapshot


@dataclass(frozen=True, slots=True)
class NoServer:
    """No server sends this mail now. `deferred`: it waits, since the server may be enabled again."""

    reason: Reason
    outcome: Literal["deferred", "failed"]
    server_id: str | None = None


def choose_server(snapshot: SettingsSnapshot, partition: str | None) -> OutgoingServer | NoServer:
    """Requirement: "an organization that has assigned one partition per department ... can associate each department
    with its own mail server for incoming and outgoing mail"."""
    server = snapshot.outgoing_server_for(partition)
    if server is None:
        return NoServer(Reason.NO_OUTGOING_SERVER, "failed")
    if not server.enabled:
        return NoServer(Reason.SERVER_DISABLED, "deferred", server_id=server.id)
    return server
