"""A mail server's setting, found by its id, made or changed by `KEY=VALUE` words."""

from collections.abc import Mapping, Sequence
from typing import Literal

from console.operations.entries import Fault, nearest, read_entry
from console.operations.errors import UserError
from console.operations.settings_file import SettingsFile
from console.operations.words import ASKED, Entry, refusal, with_words
from schemas.settings import IncomingServer, OutgoingServer, Secret
from schemas.snapshot import SettingsSnapshot

Direction = Literal["incoming", "outgoing"]
Server = IncomingServer | OutgoingServer
MODELS: Mapping[Direction, type[Server]] = {"incoming": IncomingServer, "outgoing": OutgoingServer}

_FIXED = dict.fromkeys(("id", "kind"), "add another server, then delete this one")


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
    remedy = nearest(name, known) if known else "there is none yet: `mailcall servers add` makes one"
    raise UserError(f"there is no mail server {name!r}", remedy)


def new_server(
    settings: SettingsSnapshot, direction: Direction, server_id: str, words: Sequence[str], password: Secret | None
) -> Server:
    """A server that is not there yet. Raises `UserError`: status and tests go by the id alone, so it must be free."""
    if any(server.id == server_id for server in all_servers(settings)):
        raise UserError(
            f"there is a mail server {server_id!r} already",
            f"choose another id, or change that one: `mailcall servers update {server_id} KEY=VALUE`",
        )
    return _server({"id": server_id}, MODELS[direction], words, password)


def changed_server(server: Server, words: Sequence[str], password: Secret | None) -> Server:
    """The server with these fields changed and all others as they are. Raises `UserError`."""
    entry = server.model_dump(mode="json", exclude_defaults=True, exclude={"kind"})
    return _server(entry, type(server), words, password)


def as_file(server: Server) -> SettingsFile:
    """The server as if a settings file held nothing else: what is checked and published for a file is so for it."""
    return SettingsFile("", {f"{server.kind}/{server.id}": server}, {})


def _server(entry: Entry, model: type[Server], words: Sequence[str], password: Secret | None) -> Server:
    changed, faults = with_words(entry, model, words, _FIXED)
    if password is not None:
        if any(word.startswith("password") for word in words):
            faults.append(Fault(("password",), f"{ASKED} gives it already", "leave one of them out"))
        changed["password"] = password.model_dump(exclude_defaults=True)
    if faults:
        raise refusal(faults)
    server, found = read_entry(changed, model, None)
    if server is None:
        raise refusal(found)
    return server
