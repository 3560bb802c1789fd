"""The file of `mailcall apply`: sections of settings and persons, each value checked, each error with place and remedy.

    partitions: [{id: it, name: IT, impacts: [...], ...}]      email_options: {default_format: text, ...}
    call_templates, incoming_servers, outgoing_servers, message_templates, notification_rules, groups, persons:
        [{id: ..., ...}, ...]

The keys are the fields of the models in `schemas/settings.py`, `schemas/notifying.py` and `schemas/persons.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from console.operations.entries import nearest, read_entry
from console.operations.errors import UserError
from console.operations.problems import Problem, SettingsError, dotted
from console.operations.setting_secrets import Seal
from console.operations.yaml_lines import Document, Path, YamlError, load
from schemas.base import Model
from schemas.notifying import Group, NotificationRule
from schemas.persons import Person
from schemas.settings import (
    CallTemplate,
    EmailOptions,
    IncomingServer,
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
    "outgoing_servers": OutgoingServer,
    "email_options": EmailOptions,
    "message_templates": MessageTemplate,
    "notification_rules": NotificationRule,
    "incoming_servers": IncomingServer,
}
SINGLE = "email_options"  # the one section that is one record, not a list
MAX_FILE_BYTES = 5_000_000
NO_DOCUMENT = Document({}, {})


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What a file holds; or a command line, which has neither name nor lines.

    Keys as on the topics: `kind/id` for settings, the id for persons; `places` in the document by `kind/id`.
    """

    name: str
    settings: Mapping[str, Setting]
    persons: Mapping[str, Person]
    places: Mapping[str, Path] = field(default_factory=dict)
    document: Document = NO_DOCUMENT

    def problem(self, key: str, path: Path, text: str, remedy: str) -> Problem:
        """What is wrong at `path` within the setting or person `key` (`kind/id`), which is here or on the topic.

        It is told by the key, since a text that names the field is easier to follow with the id than with a number.
        """
        place = self.places.get(key) or self.places.get(f"{key}/{key}")  # one of its kind is named by the kind
        line = None if place is None else self.document.line((*place, *path))
        return Problem(self.name, line, key, text, remedy)


def read_settings_file(path: FilePath, seal: Seal | None = None) -> SettingsFile:
    """The checked content of a file. Raises `SettingsError` with every problem found.

    `seal` makes a sealed secret of a password that is given as `{clear: ...}`; without it such a password is refused.
    """
    name = str(path)
    try:
        document = load(_text(path))
    except YamlError as error:
        remedy = "put the YAML right there, then apply again"
        raise SettingsError((Problem(name, error.line, "", str(error), remedy),)) from None
    return _Reading(name, document, seal).result()


def _text(path: FilePath) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UserError(f"{path} is larger than {MAX_FILE_BYTES // 1_000_000} MB", "split it into several files")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", "give the path of a readable YAML file") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no UTF-8 text (byte {error.start})", "save the file as UTF-8") from None


class _Reading:
    """One run over a document, gathering values and problems."""

    def __init__(self, name: str, document: Document, seal: Seal | None) -> None:
        self._name = name
        self._document = document
        self._seal = seal
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
            if section not in SECTIONS:
                self._problem((section,), "there is no such section", nearest(str(section), SECTIONS))
        for section, model in SECTIONS.items():
            for path, entry in self._entries(section, data.get(section)):
                self._read(path, entry, model)
        if self._problems:
            raise SettingsError(tuple(sorted(self._problems, key=lambda problem: problem.line or 0)))
        return SettingsFile(self._name, self._settings, self._persons, self._places, self._document)

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
        value, faults = read_entry(entry, model, self._seal)
        for fault in faults:
            self._problem((*path, *fault.path), fault.text, fault.remedy)
        if value is None:
            return
        key = value.id if isinstance(value, Person) else f"{value.kind}/{value.id}"  # type: ignore[attr-defined]
        name = f"person/{key}" if isinstance(value, Person) else key
        if name in self._places:
            first = self._document.line(self._places[name])
            self._problem(path, f"{name} is given twice, first on line {first}", "leave one of them out")
        self._places[name] = path
        if isinstance(value, Person):
            self._persons[key] = value
        else:
            self._settings[key] = value  # type: ignore[assignment]

    def _problem(self, path: Path, text: str, remedy: str) -> None:
        self._problems.append(Problem(self._name, self._document.line(path), dotted(path), text, remedy))
