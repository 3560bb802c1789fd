"""What the settings say of a notification: which outgoing server sends it, and in which format it is. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from outbound.server_availability import OpenCircuit
from schemas.reasons import Reason
from schemas.settings import EmailOptions, Format, OutgoingServer
from schemas.snapshot import SettingsSnapshot

CircuitOf = Callable[[OutgoingServer], OpenCircuit | None]


class Chosen(NamedTuple):
    """`server` sends; `own` is the partition's server: the same, unless `server` is its fallback."""

    server: OutgoingServer
    own: OutgoingServer


@dataclass(frozen=True, slots=True)
class NoServer:
    """No server sends this message now. `deferred`: it waits for one. `reply`: its last reply."""

    reason: Reason
    outcome: Literal["deferred", "failed"]
    server_id: str | None = None
    reply: str = ""


def choose_server(snapshot: SettingsSnapshot, partition: str | None, circuit_of: CircuitOf) -> Chosen | NoServer:
    """Requirement R1.2: each partition can have an outgoing server of its own; else the default one sends.

    `circuit_of`: why a server is not to be used now.

    Its fallback sends while that server is disabled or in trouble, and the fallback's own while that is.
    """
    own = snapshot.outgoing_server_for(partition)
    if own is None:
        return NoServer(Reason.NO_OUTGOING_SERVER, "failed")
    for server in snapshot.with_fallbacks(own):
        if server.enabled and circuit_of(server) is None:
            return Chosen(server, own)
    circuit = circuit_of(own)
    if circuit is None:
        return NoServer(Reason.SERVER_DISABLED, "deferred", own.id)
    return NoServer(circuit.reason, "deferred", own.id, circuit.text)


def choose_format(options: EmailOptions, own: Format | None) -> Format:
    """The format of one message. `own`: the Email Format in the recipient's details, None where none is specified.

    Requirement R3.10: the recipient's own format takes precedence where Message Format per Analyst/User is selected.
    Requirement R3.11: else the Default Format is used.
    """
    if options.message_format_per_person and own is not None:
        return own
    return options.default_format
