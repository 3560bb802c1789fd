"""A mail server's setting: found by its id, made or changed, and checked whole before it is saved or tested."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from console.errors import Problem, Remedy, UserError
from console.settings.apply import Plan, plan
from console.settings.entries import fixed_faults, nearest, read_entry, refusal
from console.settings.entry_data import merge_entry
from console.settings.secrets import Seal
from console.settings.settings_file import SettingsFile
from console.settings.state import State
from console.web.labels import label
from schemas.misplaced_secrets import misplaced_secrets
from schemas.settings import IncomingServer, MapiProfile, OutgoingServer
from schemas.snapshot import SettingsSnapshot

Direction = Literal["incoming", "outgoing"]
Server = IncomingServer | OutgoingServer
MODELS: Mapping[Direction, type[Server]] = {"incoming": IncomingServer, "outgoing": OutgoingServer}
_ANOTHER = "add another server, then delete this one"
_AGAIN = "enter it again: what is saved is never sent to another server, or by another way, than it was saved for"


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


@dataclass(frozen=True, slots=True)
class Checked:
    """Server and plan where nothing is wrong; else `problems`, each with its fields."""

    server: Server | None = None
    plan: Plan | None = None
    problems: tuple[Problem, ...] = ()


def check_entry(
    entry: Mapping[str, Any], model: type[Server], state: State, saved: Server | None, entered: Collection[str] = ()
) -> Checked:
    """What saving this entry would change. `saved`: the server that it changes; None: it is a new one.

    `entered`: dotted fields of the secrets in it that were given for it, and not taken from what is saved.
    """
    server, faults = read_entry(entry, model, None)
    found = [*faults, *_taken_id(entry, state.settings, saved)]
    if server is not None:
        found += _misplaced(server, saved, entered)
    if server is None or found:
        return Checked(problems=tuple(found))
    try:
        return Checked(server, plan(as_file(server), state))
    except UserError as error:
        return Checked(problems=error.problems)


def check_secrets(changed: Server | MapiProfile, saved: Server | MapiProfile, entered: Collection[str]) -> None:
    """Raises `UserError` where a saved secret would go elsewhere than it was saved for. `entered` as above."""
    found = tuple(_misplaced(changed, saved, entered))
    if found:
        raise UserError.of(found)


def _taken_id(entry: Mapping[str, Any], settings: SettingsSnapshot, saved: Server | None) -> Iterator[Problem]:
    """Status and tests go by the id alone, so it must be free."""
    id_ = entry.get("id")
    if saved is None and any(server.id == id_ for server in all_servers(settings)):
        yield Problem(f"there is a mail server {id_!r} already", Remedy.CHANGE_SERVER, fields=(("id",),))


def _misplaced(
    now: Server | MapiProfile, saved: Server | MapiProfile | None, entered: Collection[str]
) -> Iterator[Problem]:
    for secret in misplaced_secrets(saved, now) if saved else ():
        if secret.field not in entered:
            changed = ", ".join(map(label, secret.changed))
            cause = f"the saved {label(secret.field)} cannot be used, since this has changed: {changed}"
            yield Problem(cause, _AGAIN, secret.field, fields=(tuple(secret.field.split(".")),))
