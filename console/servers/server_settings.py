"""A mail server's setting, found by its id, made or changed."""

from collections.abc import Mapping
from typing import Any, Literal

from console.errors import Remedy, UserError
from console.settings.entries import fixed_faults, nearest, read_entry, refusal
from console.settings.merging import merge_entry
from console.settings.setting_secrets import Seal
from console.settings.settings_file import SettingsFile
from schemas.settings import IncomingServer, OutgoingServer
from schemas.snapshot import SettingsSnapshot

Direction = Literal["incoming", "outgoing"]
Server = IncomingServer | OutgoingServer
MODELS: Mapping[Direction, type[Server]] = {"incoming": IncomingServer, "outgoing": OutgoingServer}

_ANOTHER = "add another server, then delete this one"


def direction_of(server: Server) -> Direction:
    return "incoming" if isinstance(server, IncomingServer) else "outgoing"


def all_servers(settings: SettingsSnapshot) -> list[Server]:
    """Outgoing servers, then incoming ones, each in the order of their ids."""
    return [*settings.all_of(OutgoingServer), *settings.all_of(IncomingServer)]


def find_server(settings: SettingsSnapshot, name: str) -> Server:
    """The server named `ID`, or `incoming/ID` and `outgoing/ID` where both have that id. Raises `UserError`."""
    servers = all_servers(settings)
    found = [server for server in servers if name in (server.id, f"{direction_of(server)}/{server.id}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"{name!r} is an incoming and an outgoing server", f"write incoming/{name} or outgoing/{name}")
    known = [server.id for server in servers]
    remedy = nearest(name, known) if known else Remedy.ADD_SERVER
    raise UserError(f"there is no mail server {name!r}", remedy)


def new_server(
    settings: SettingsSnapshot,
    direction: Direction,
    server_id: str,
    fields: Mapping[str, Any],
    seal: Seal | None = None,
) -> Server:
    """A server that is not there yet, of these fields; a password in clear is sealed.

    Raises `UserError`: status and tests go by the id alone, so it must be free.
    """
    if any(server.id == server_id for server in all_servers(settings)):
        raise UserError(f"there is a mail server {server_id!r} already", Remedy.CHANGE_SERVER, place="id")
    return _server({**fields, "id": server_id}, MODELS[direction], None, seal)


def changed_server(server: Server, fields: Mapping[str, Any], seal: Seal | None = None) -> Server:
    """The server with these fields changed and all others as they are, as in a settings file (`merge_entry`).

    Raises `UserError`.
    """
    return _server(fields, type(server), server, seal)


def as_file(server: Server) -> SettingsFile:
    """The server as if a settings file held nothing else: what is checked and published for a file is so for it."""
    return SettingsFile("", {f"{server.kind}/{server.id}": server}, {})


def _server(fields: Mapping[str, Any], model: type[Server], stored: Server | None, seal: Seal | None) -> Server:
    fixed = {"kind": model.model_fields["kind"].default} | ({"id": stored.id} if stored else {})
    faults = fixed_faults(fields, fixed, _ANOTHER)
    server, found = read_entry(merge_entry(fields, model, stored), model, seal)
    if server is None or faults:
        raise refusal((*faults, *found))
    return server
