"""Reading the file of `mailcall apply`: each value checked, each error with its place and remedy.

What is set up already and not named stays as it is (`entry_data.merge_entry`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from console.errors import FieldPath, Problem, UserError, dotted
from console.settings.entries import nearest, read_entry
from console.settings.entry_data import merge_entry, unnamed_fields
from console.settings.secrets import Seal
from console.settings.settings_file import MAX_PROBLEMS, SECTIONS, SINGLE, SettingsFile
from console.settings.state import PERSON, State
from runtime.yaml_lines import MAX_BYTES, Document, Path, YamlError, load
from schemas.base import Model
from schemas.persons import Person
from schemas.settings import (
    IncomingServer,
    OutgoingServer,
    Setting,
)

_SERVERS = ("incoming-server", "outgoing-server")
EXPORTED = "exported"
_LEAVE = "leave the section as it was exported, or take it out"


@dataclass(frozen=True, slots=True)
class SettingsDocument:
    """A file that holds YAML; nothing else of it is checked yet."""

    name: str
    document: Document

    def checked(self, seal: Seal | None, state: State) -> SettingsFile:
        """The checked content, put over what is set up. Raises `UserError` with every problem found.

        `seal` makes a sealed secret of a password that is given as `{clear: ...}`; without it that one is refused.
        """
        return _Reading(self.name, self.document, seal, state).result()


def open_settings_file(path: FilePath) -> SettingsDocument:
    """Raises `UserError` for a file that cannot be read, or is no YAML."""
    name = str(path)
    try:
        return SettingsDocument(name, load(_text(path)))
    except YamlError as error:
        remedy = "put the YAML right there, then apply again"
        raise UserError.of((Problem(str(error), remedy, file=name, line=error.line),)) from None


def read_settings_file(path: FilePath, seal: Seal | None = None, state: State | None = None) -> SettingsFile:
    """Opens and checks a file in one go; without `state` as if nothing were set up."""
    return open_settings_file(path).checked(seal, state or State())


def _text(path: FilePath) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{path} is larger than {MAX_BYTES // 1_000_000} MB", "split it into several files")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", "give the path of a readable YAML file") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no UTF-8 text (byte {error.start})", "save the file as UTF-8") from None


class _Reading:
    """One run over a document, gathering values and problems."""

    def __init__(self, name: str, document: Document, seal: Seal | None, state: State) -> None:
        self._name = name
        self._document = document
        self._seal = seal
        self._state = state
        self._problems: list[Problem] = []
        self._settings: dict[str, Setting] = {}
        self._persons: dict[str, Person] = {}
        self._places: dict[str, Path] = {}

    def result(self) -> SettingsFile:
        data = self._document.data
        if not isinstance(data, dict):
            self._problem((), "the file must hold sections", f"begin with one of: {', '.join(SECTIONS)}")
            data = {}
        for section in data:
            if section not in (*SECTIONS, EXPORTED):
                self._problem((section,), "there is no such section", nearest(str(section), SECTIONS))
        for section, model in SECTIONS.items():
            for path, entry in self._entries(section, data.get(section)):
                self._read(path, entry, model)
        exported, faults = read_exported(data.get(EXPORTED))
        for fault in faults:
            self._problem(fault.path, fault.cause, fault.remedy)
        if self._problems:
            raise self._refusal()
        return SettingsFile(self._name, self._settings, self._persons, self._places, self._document, exported)

    def _entries(self, section: str, value: Any) -> Iterator[tuple[Path, Any]]:
        if value is None:
            return
        if section == SINGLE:
            yield (section,), value
        elif isinstance(value, list):
            yield from (((section, index), entry) for index, entry in enumerate(value))
        else:
            self._problem((section,), "this section is a list", "begin each entry with a dash: - id: ...")

    def _read(self, path: Path, entry: Any, model: type[Model]) -> None:
        stored = self._stored(entry, model)
        whole = merge_entry(entry, model, stored) if isinstance(entry, dict) else entry
        value, faults = read_entry(whole, model, self._seal)
        for fault in faults:
            remedy = fault.remedy
            if len(fault.fields) > 1 and stored:
                about = {str(field[0]) for field in fault.fields}
                remedy = _not_named([name for name in unnamed_fields(entry, model, stored) if name in about], remedy)
            self._problem((*path, *fault.path), fault.cause, remedy, fault.fields)
        if value is None:
            return
        key = value.id if isinstance(value, Person) else f"{value.kind}/{value.id}"  # type: ignore[attr-defined]
        name = PERSON + key if isinstance(value, Person) else key
        if name in self._places:
            first = self._document.line(self._places[name])
            self._problem(path, f"{name} is given twice, first on line {first}", "leave one of them out")
        self._places[name] = path
        if isinstance(value, IncomingServer | OutgoingServer) and stored is None:
            self._refuse_taken_id(path, value)
        if isinstance(value, Person):
            self._persons[key] = value
        else:
            self._settings[key] = value  # type: ignore[assignment]

    def _stored(self, entry: Any, model: type[Model]) -> Setting | Person | None:
        """What is set up under the entry's id."""
        id_ = entry.get("id", model.model_fields["id"].default) if isinstance(entry, dict) else None
        kind = model.model_fields["kind"].default if "kind" in model.model_fields else PERSON.rstrip("/")
        return self._state.value(f"{kind}/{id_}")

    def _refuse_taken_id(self, path: Path, server: IncomingServer | OutgoingServer) -> None:
        """Status and tests go by a server's id alone."""
        other = next(key for key in _SERVERS if key != server.kind)
        key = f"{other}/{server.id}"
        if key in self._settings or key in self._state.settings.settings:
            line = f" on line {self._document.line(self._places[key])}" if key in self._places else ""
            text = f"an {other.replace('-', ' ')} has the id {server.id!r} already{line}"
            self._problem((*path, "id"), text, "choose another id: one server, one id, whichever way its mail goes")

    def _problem(self, path: Path, text: str, remedy: str, fields: tuple[FieldPath, ...] = ()) -> None:
        line = self._document.line(path)
        self._problems.append(Problem(text, remedy, dotted(path), self._name, line, fields=fields))
        if len(self._problems) >= MAX_PROBLEMS:
            raise self._refusal()

    def _refusal(self) -> UserError:
        return UserError.of(sorted(self._problems, key=lambda problem: problem.line or 0))


def _not_named(fields: list[str], remedy: str) -> str:
    """The remedy where fields fit one another no more, and some of them do not stand in the file."""
    if not fields:
        return remedy
    return f"{remedy}; what the file does not name stays as it is: {', '.join(fields)}. FIELD: null takes one away"


def read_exported(section: Any) -> tuple[Mapping[str, int] | None, tuple[Problem, ...]]:
    """The section as read, None where there is none; and what is wrong with it."""
    if section is None:
        return None, ()
    if not isinstance(section, dict):
        return None, (Problem.at((EXPORTED,), "this section has a version for each setting and person", _LEAVE),)
    faults = tuple(
        Problem.at((EXPORTED, key), "a version is a whole number", _LEAVE)
        for key, version in section.items()
        if isinstance(version, bool) or not isinstance(version, int)
    )
    return section, faults
