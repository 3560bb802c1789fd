"""A mail server's setting from `KEY=VALUE` words: `port=993`, `password.env=IT_PW`, `name=` (as if never set).

A value is text where the field is text, and else YAML, such as `enabled=false` or `close_words=["#close", "#done"]`.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, cast

from console.operations.entries import Fault, nearest, read_entry
from console.operations.errors import UserError
from console.operations.fields import is_text, model_at, nested_model
from console.operations.problems import Problem, SettingsError, dotted
from console.operations.settings_file import SettingsFile
from console.operations.yaml_lines import YamlError, load
from schemas.base import Model
from schemas.settings import IncomingServer, OutgoingServer, Secret
from schemas.snapshot import SettingsSnapshot

Direction = Literal["incoming", "outgoing"]
Server = IncomingServer | OutgoingServer
Entry = dict[str, Any]
Path = tuple[str, ...]
MODELS: Mapping[Direction, type[Server]] = {"incoming": IncomingServer, "outgoing": OutgoingServer}
ASKED = "--ask-password"

_FIXED = (("id",), ("kind",))
_NO_CLEAR_REMEDY = (
    f"use {ASKED} for the account's password, KEY.env=NAME or KEY.file=PATH; "
    "or `mailcall secrets seal`, then KEY.sealed=BOX"
)


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
    return SettingsFile("", {f"{server.kind}/{server.id}": server}, {}, {})


def _server(entry: Entry, model: type[Server], words: Sequence[str], password: Secret | None) -> Server:
    changed, faults = with_words(entry, model, words)
    if password is not None:
        if any(word.startswith("password") for word in words):
            faults.append(Fault(("password",), f"{ASKED} gives it already", "leave one of them out"))
        changed["password"] = password.model_dump(exclude_defaults=True)
    if faults:
        raise _refusal(faults)
    server, found = read_entry(changed, model, None)
    if server is None:
        raise _refusal(found)
    return server


def with_words(entry: Entry, model: type[Model], words: Sequence[str]) -> tuple[Entry, list[Fault]]:
    """The entry with every word put in, and what is wrong with the words. A fault never quotes a value."""
    changed = copy.deepcopy(entry)
    faults: list[Fault] = []
    seen: set[Path] = set()
    for word in words:
        key, equals, value = word.partition("=")
        path = tuple(key.split("."))
        fault = _word_fault(model, path, equals, value)
        subject = path[:-1] if model_at(model, path[:-1]) is Secret else path  # a secret has one source
        if fault is None and subject in seen:
            fault = "it is given twice", "leave one of them out"
        if fault is None:
            fault = _put(changed, model, path, value)
        if fault:
            faults.append(Fault(path, *fault))
        seen.add(subject)
    return changed, faults


def _word_fault(model: type[Model], path: Path, equals: str, value: str) -> tuple[str, str] | None:
    """What is wrong with a word before its value is read: text and remedy."""
    around = model_at(model, path[:-1])
    field = around.model_fields.get(path[-1]) if around else None
    inner = nested_model(field.annotation) if field else None
    if (around is Secret and path[-1] == "clear") or (inner is Secret and value):
        return "a password on the command line stays in the shell's history", _NO_CLEAR_REMEDY
    if field is None:
        return "there is no such field", nearest(path[-1], (around or model).model_fields)
    if path in _FIXED:
        return "it stays what it is", "add another server, then delete this one"
    if not equals:
        return "it has no value", "write KEY=VALUE; KEY= takes the value away"
    if any(character in value for character in "\r\n\0"):
        return "it holds a line end or a NUL", "write it on one line"
    if inner and value:
        names = ", ".join(f"{dotted(path)}.{name}" for name in inner.model_fields)
        return "it has fields of its own", f"give them one by one: {names}"
    return None


def _put(entry: Entry, model: type[Model], path: Path, value: str) -> tuple[str, str] | None:
    """Puts the value in, or takes it out where it is empty; text and remedy where it cannot be read."""
    if not value:
        _take_out(entry, path)
        return None
    around = cast(type[Model], model_at(model, path[:-1]))
    try:
        read = value if is_text(around.model_fields[path[-1]].annotation) else load(value).data
    except YamlError:
        return "it is no YAML", 'write it as in a settings file, a list such as ["#close", "#done"]'
    for name in path[:-2]:
        entry = entry.setdefault(name, {})
    if around is Secret:
        entry[path[-2]] = {}  # the new source takes the place of the one it had
    if len(path) > 1:
        entry = entry.setdefault(path[-2], {})
    entry[path[-1]] = read
    return None


def _take_out(entry: Entry, path: Path) -> None:
    """Takes the value out, and what is left empty around it."""
    name, rest = path[0], path[1:]
    if rest and name in entry:
        _take_out(entry[name], rest)
    if not rest or not entry.get(name):
        entry.pop(name, None)


def _refusal(faults: Iterable[Fault]) -> SettingsError:
    return SettingsError(tuple(Problem("", None, dotted(fault.path), fault.text, fault.remedy) for fault in faults))
