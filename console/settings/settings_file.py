"""The file of `mailcall apply`: sections of settings and persons, each value checked, each error with place and remedy.

    partitions: [{id: it, name: IT, impacts: [...], ...}]      email_options: {default_format: text, ...}
    call_templates, mapi_profiles, incoming_servers, outgoing_servers, message_templates, notification_rules, groups,
        persons: [{id: ..., ...}, ...]

The keys are the fields of the models in `schemas/settings.py`, `schemas/notification_rules.py` and
`schemas/persons.py`. What is
set up already and not named stays as it is (`merging.py`). The section `exported` is `export`'s (`exported.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from console.errors import FieldPath, Problem, SettingsError, UserError, dotted
from console.settings.entries import nearest, read_entry
from console.settings.exported import EXPORTED, read_exported
from console.settings.merging import merge_entry, unnamed_fields
from console.settings.setting_secrets import Seal
from console.settings.state import PERSON, State
from runtime.yaml_lines import MAX_BYTES, Document, Path, YamlError, load
from schemas.base import Model
from schemas.notification_rules import Group, NotificationRule
from schemas.persons import Person
from schemas.settings import (
    CallTemplate,
    EmailOptions,
    IncomingServer,
    MapiProfile,
    MessageTemplate,
    OutgoingServer,
    Partition,
    Setting,
)

# Section of the file -> model; in the order in which they are published: nothing refers to what is not there yet.
SECTIONS: Mapping[str, type[Model]] = {
    "persons": Person,
    "partitions": Partition,
    "groups": Group,
    "call_templates": CallTemplate,
    "mapi_profiles": MapiProfile,
    "outgoing_servers": OutgoingServer,
    "email_options": EmailOptions,
    "message_templates": MessageTemplate,
    "notification_rules": NotificationRule,
    "incoming_servers": IncomingServer,
}
_SERVERS = ("incoming-server", "outgoing-server")
SINGLE = "email_options"  # the one section that is one record, not a list
MAX_PROBLEMS = 100  # told at once; a file with more is not what was meant
NO_DOCUMENT = Document({}, {})


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What a file holds; or a command line, which has neither name nor lines.

    Keys as on the topics: `kind/id` for settings, the id for persons; `places` in the document by `kind/id` and
    `person/id`. `exported`: the versions that the file was exported from, by the same keys; None for a file that was
    written by hand.
    """

    name: str
    settings: Mapping[str, Setting]
    persons: Mapping[str, Person]
    places: Mapping[str, Path] = field(default_factory=dict)
    document: Document = NO_DOCUMENT
    exported: Mapping[str, int] | None = None

    def problem(self, key: str, path: Path, text: str, remedy: str) -> Problem:
        """What is wrong at `path` within the setting or person `key` (`kind/id`), which is here or on the topic.

        It is told by the key, since a text that names the field is easier to follow with the id than with a number.
        """
        place = self.places.get(key) or self.places.get(f"{key}/{key}")  # one of its kind is named by the kind
        line = None if place is None else self.document.line((*place, *path))
        return Problem(text, remedy, key, self.name, line, key, (path,) if path else ())


@dataclass(frozen=True, slots=True)
class SettingsDocument:
    """A file that holds YAML; nothing else of it is checked yet."""

    name: str
    document: Document

    def checked(self, seal: Seal | None, state: State) -> SettingsFile:
        """The checked content, put over what is set up. Raises `SettingsError` with every problem found.

        `seal` makes a sealed secret of a password that is given as `{clear: ...}`; without it that one is refused.
        """
        return _Reading(self.name, self.document, seal, state).result()


def open_settings_file(path: FilePath) -> SettingsDocument:
    """Raises `UserError` for a file that cannot be read, `SettingsError` for one that is no YAML."""
    name = str(path)
    try:
        return SettingsDocument(name, load(_text(path)))
    except YamlError as error:
        remedy = "put the YAML right there, then apply again"
        raise SettingsError.of((Problem(str(error), remedy, file=name, line=error.line),)) from None


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
            self._problem(fault.path, fault.text, fault.remedy)
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
            if fault.fields and stored:
                about = {str(field[0]) for field in fault.fields}
                remedy = _not_named([name for name in unnamed_fields(entry, model, stored) if name in about], remedy)
            self._problem((*path, *fault.path), fault.text, remedy, fault.fields or (fault.path,))
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

    def _refusal(self) -> SettingsError:
        return SettingsError.of(sorted(self._problems, key=lambda problem: problem.line or 0))


def _not_named(fields: list[str], remedy: str) -> str:
    """The remedy where fields fit one another no more, and some of them do not stand in the file."""
    if not fields:
        return remedy
    return f"{remedy}; what the file does not name stays as it is: {', '.join(fields)}. FIELD: null takes one away"
