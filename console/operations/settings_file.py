"""The file of `mailcall apply`: sections of settings and persons, each value checked, each error with place and remedy.

    partitions: [{id: it, name: IT, impacts: [...], ...}]      email_options: {default_format: text, ...}
    call_templates, incoming_servers, outgoing_servers, message_templates, persons: [{id: ..., ...}, ...]

The keys are the fields of the models in `schemas/settings.py` and `schemas/persons.py`.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from console.operations.errors import UserError
from console.operations.yaml_lines import Document, Path, YamlError, load
from schemas.base import Model
from schemas.persons import Person
from schemas.settings import (
    CallTemplate,
    EmailOptions,
    IncomingServer,
    MessageTemplate,
    OutgoingServer,
    Partition,
    Secret,
    Setting,
)

# Section of the file -> model; in the order in which they are published: nothing refers to what is not there yet.
SECTIONS: Mapping[str, type[Model]] = {
    "persons": Person,
    "partitions": Partition,
    "call_templates": CallTemplate,
    "outgoing_servers": OutgoingServer,
    "email_options": EmailOptions,
    "message_templates": MessageTemplate,
    "incoming_servers": IncomingServer,
}
SINGLE = "email_options"  # the one section that is one record, not a list
MAX_FILE_BYTES = 5_000_000

# Kind of a validation error (pydantic's) -> what to do about it.
REMEDIES: Mapping[str, str] = {
    "missing": "add this field",
    "enum": "write one of these words",
    "literal_error": "write one of these words",
    "string_type": 'write text; what YAML takes for a number, a date or yes/no goes in quotes, such as "12"',
    "string_too_long": "shorten it",
    "too_short": "add at least one",
    "model_type": "write fields and values here, such as {id: it}",
    "tuple_type": "write a list here, such as [a, b]",
    "dict_type": "write fields and values here, such as {High: {Low: P3}}",
}

Seal = Callable[[str], Secret]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a settings file. `path` as in `incoming_servers[0].port`."""

    file: str
    line: int | None
    path: str
    text: str
    remedy: str

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.path) if part)
        return f"{place}: {self.text}" + (f" - {self.remedy}" if self.remedy else "")


class SettingsFileError(UserError):
    """A settings file that is not right: everything that is wrong with it, at once."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What a file holds. Keys as on the topics: `kind/id` for settings, the id for persons; `lines` by `section/id`."""

    name: str
    settings: Mapping[str, Setting]
    persons: Mapping[str, Person]
    lines: Mapping[str, int]

    def problem(self, text: str, remedy: str) -> Problem:
        """A problem of a setting, here or on the topic. `text` begins with `kind/id: `, as snapshots say it."""
        key, _, rest = text.partition(": ")
        line = self.lines.get(key, self.lines.get(f"{key}/{key}"))  # the one record of its kind is named by the kind
        return Problem(self.name, line, key, rest, remedy)


def read_settings_file(path: FilePath, seal: Seal | None = None) -> SettingsFile:
    """The checked content of a file. Raises `SettingsFileError` with every problem found.

    `seal` makes a sealed secret of a password that is given as `{clear: ...}`; without it such a password is refused.
    """
    name = str(path)
    try:
        document = load(_text(path))
    except YamlError as error:
        remedy = "put the YAML right there, then apply again"
        raise SettingsFileError((Problem(name, error.line, "", str(error), remedy),)) from None
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
        self._lines: dict[str, int] = {}

    def result(self) -> SettingsFile:
        data = self._document.data
        if not isinstance(data, dict):
            self._problem((), "the file must hold sections", f"begin with one of: {', '.join(SECTIONS)}")
            data = {}
        for section in data:
            if section not in SECTIONS:
                self._problem((section,), "there is no such section", _nearest(str(section), SECTIONS))
        for section, model in SECTIONS.items():
            for path, entry in self._entries(section, data.get(section)):
                self._read(path, entry, model)
        if self._problems:
            raise SettingsFileError(tuple(sorted(self._problems, key=lambda problem: problem.line or 0)))
        return SettingsFile(self._name, self._settings, self._persons, self._lines)

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
        if isinstance(entry, dict) and "password" in entry:
            entry = self._sealed(path, entry)
        try:
            value = model.model_validate(entry, extra="forbid")
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_context=False, include_input=False):
                text, remedy = _told(fault["type"], fault["msg"], fault["loc"], model)
                self._problem((*path, *fault["loc"]), text, remedy)
            return
        key = value.id if isinstance(value, Person) else f"{value.kind}/{value.id}"  # type: ignore[attr-defined]
        place = f"person/{key}" if isinstance(value, Person) else key
        if place in self._lines:
            self._problem(path, f"{place} is given twice, first on line {self._lines[place]}", "leave one of them out")
        self._lines[place] = self._document.line(path) or 0
        if isinstance(value, Person):
            self._persons[key] = value
        else:
            self._settings[key] = value  # type: ignore[assignment]

    def _sealed(self, path: Path, entry: dict[str, Any]) -> dict[str, Any]:
        """The entry with a password given in clear sealed, or as it is where there is none."""
        password, place = entry["password"], (*path, "password")
        without = {**entry, "password": None}
        if isinstance(password, str):
            self._problem(
                place,
                "a password is not written as plain text",
                "write {env: NAME}, {file: PATH}, {sealed: BOX} or {clear: PASSWORD}, which is sealed on the spot",
            )
            return without
        if not isinstance(password, dict) or "clear" not in password:
            return entry
        clear = password["clear"]
        if len(password) > 1 or not isinstance(clear, str):
            self._problem(place, "clear stands alone and is text", 'write {clear: "PASSWORD"}')
            return without
        if self._seal is None:
            self._problem(
                place,
                "a password in clear needs a public key to seal it with, and none is configured",
                "make one with `mailcall secrets make-keys`, or write {env: NAME} or {file: PATH}",
            )
            return without
        return {**entry, "password": self._seal(clear)}

    def _problem(self, path: Path, text: str, remedy: str) -> None:
        self._problems.append(Problem(self._name, self._document.line(path), _dotted(path), text, remedy))


def _told(kind: str, message: str, place: tuple[int | str, ...], model: type[Model]) -> tuple[str, str]:
    """Text and remedy of one validation error."""
    if kind == "extra_forbidden":
        known = model.model_fields if len(place) == 1 else ()
        return "there is no such field", _nearest(str(place[-1]), known)
    if kind == "missing":
        return "this field is missing", REMEDIES[kind]
    if kind == "string_pattern_mismatch":
        return "it holds characters that are not allowed", "use letters, digits, '.', '_', '@' and '-' on one line"
    return message.removeprefix("Value error, "), REMEDIES.get(kind, "put the value right")


def _nearest(word: str, known: Any) -> str:
    names = [name for name in known if name != "kind"]
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"known are: {', '.join(names)}" if names else "leave it out"


def _dotted(path: Path) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
