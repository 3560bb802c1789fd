"""Through which outgoing server a notification goes: its partition's, else the default one, else a fall-back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from outbound.server_states import OpenCircuit
from schemas.reasons import Reason
from schemas.settings import OutgoingServer
from schemas.snapshot import SettingsSnapshot

TroubleOf = Callable[[OutgoingServer], OpenCircuit | None]


@dataclass(frozen=True, slots=True)
class Chosen:
    """`server` sends; `own` is the partition's server: the same, unless `server` stands in for it."""

    server: OutgoingServer
    own: OutgoingServer


@dataclass(frozen=True, slots=True)
class NoServer:
    """No server sends this mail now. `deferred`: it waits for one. `reply`: its last words."""

    reason: Reason
    outcome: Literal["deferred", "failed"]
    server_id: str | None = None
    reply: str = ""


def choose_server(snapshot: SettingsSnapshot, partition: str | None, trouble_of: TroubleOf) -> Chosen | NoServer:
    """Requirement R1.2: each partition can have an outgoing server of its own.

    `trouble_of`: why a server is to be left alone now.

    Its fall-back sends while that server is disabled or in trouble, and the fall-back's own while that is.
    """
    own = snapshot.outgoing_server_for(partition)
    if own is None:
        return NoServer(Reason.NO_OUTGOING_SERVER, "failed")
    for server in snapshot.with_fallbacks(own):
        if server.enabled and trouble_of(server) is None:
            return Chosen(server, own)
    trouble = trouble_of(own)
    if trouble is None:
        return NoServer(Reason.SERVER_DISABLED, "deferred", own.id)
    return NoServer(trouble.reason, "deferred", own.id, trouble.text)
