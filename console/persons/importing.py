"""Importing persons from CSV: what a file would change, checked as a whole before anything is published."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from console.errors import Problem, UserError, dotted
from console.persons.csv_file import CsvFile, CsvRow
from console.persons.person_changes import plan_persons
from console.settings.apply import Change, Effect, Plan
from console.settings.entries import read_entry
from console.settings.entry_data import merge_entry
from console.settings.settings_file import MAX_PROBLEMS, SettingsFile
from console.settings.state import PERSON, State
from runtime.yaml_lines import Document
from schemas.addresses import normalise
from schemas.persons import Person
from schemas.snapshot import SettingsSnapshot

_ROW = "row"
_FLAG_REMEDY = "write yes in the column is_user, in is_analyst, or in both"
# The persons that the desk has: those with these ids or these addresses (normalised), by id.
Known = Callable[[Collection[str], Collection[str]], Mapping[str, Person]]


@dataclass(frozen=True, slots=True)
class Import:
    """`plan` has a change for each row, in the file's order; `lines` say where each stands, by the change's key."""

    file: CsvFile
    plan: Plan
    lines: Mapping[str, int]

    @property
    def counts(self) -> Mapping[Effect, int]:
        """How many persons are new, changed, unchanged."""
        return Counter(change.effect for change in self.plan.changes)

    @property
    def effective(self) -> tuple[tuple[int, Change], ...]:
        """What is published, each with its line."""
        return tuple((self.lines[change.key], change) for change in self.plan.effective)


def plan_import(file: CsvFile, settings: SettingsSnapshot, known: Known) -> Import:
    """What importing the file would do: a column that it has not leaves a field as it is, an empty cell takes a value
    away.

    Raises `UserError` with every row that is wrong; then nothing of the file can be imported.
    """
    stored = known(
        {row.entry["id"] for row in file.rows if row.entry.get("id")},
        {normalise(address) for row in file.rows if not row.entry.get("id") for address in _first_address(row)},
    )
    reading = _Reading(file, stored)
    persons = reading.persons()
    lines = {PERSON + id_: reading.lines[id_] for id_ in persons}
    document = Document({}, {(_ROW, line): line for line in lines.values()})
    places = {key: (_ROW, line) for key, line in lines.items()}
    checked = SettingsFile(file.name, {}, persons, places, document)
    return Import(file, plan_persons(checked, State(settings, stored)), lines)


class _Reading:
    """One run over the rows, gathering persons and problems."""

    def __init__(self, file: CsvFile, stored: Mapping[str, Person]) -> None:
        self._file = file
        self._stored = stored
        self._owners = _owners(stored.values())
        self._problems: list[Problem] = []
        self.lines: dict[str, int] = {}

    def persons(self) -> dict[str, Person]:
        """By id, in the order of the rows. Raises `UserError`."""
        found = {person.id: person for row in self._file.rows for person in self._read(row)}
        if self._problems:
            raise UserError.of(self._problems)
        return found

    def _read(self, row: CsvRow) -> Iterator[Person]:
        wrong = partial(self._problem, row)
        id_ = row.entry.get("id") or self._id_by_address(row)
        if id_ is None:
            return
        stored = self._stored.get(id_)
        value, faults = read_entry(merge_entry({**row.entry, "id": id_}, Person, stored), Person, None)
        for fault in faults:
            wrong(dotted(fault.path), fault.cause, fault.remedy if fault.path else _FLAG_REMEDY)
        if value is None:
            return
        if id_ in self.lines:
            wrong("id", f"{id_} stands on line {self.lines[id_]} already", "leave one of the rows out")
        self.lines.setdefault(id_, row.line)
        yield value

    def _id_by_address(self, row: CsvRow) -> str | None:
        """Of a row without an id: that of the one person who has its first address."""
        address = next(iter(_first_address(row)), None)
        if address is None:
            self._problem(row, "id", "the row tells neither an id nor an address", "give the person's id")
            return None
        owners = self._owners.get(normalise(address), [])
        if len(owners) == 1:
            return owners[0]
        if owners:
            remedy = f"give the id of one of them: {', '.join(owners[:5])}"
            self._problem(row, "id", f"{len(owners)} persons have the address {address}", remedy)
        else:
            self._problem(row, "id", f"nobody has the address {address}", "give an id for the new person")
        return None

    def _problem(self, row: CsvRow, path: str, text: str, remedy: str) -> None:
        self._problems.append(Problem(text, remedy, path, self._file.name, row.line))
        if len(self._problems) >= MAX_PROBLEMS:
            raise UserError.of(self._problems)


def _first_address(row: CsvRow) -> list[Any]:
    return (row.entry.get("addresses") or [])[:1]


def _owners(persons: Collection[Person]) -> dict[str, list[str]]:
    """Ids by normalised address, in ascending order."""
    owners: dict[str, list[str]] = {}
    for person in sorted(persons, key=lambda one: one.id):
        for address in {normalise(address) for address in person.addresses}:
            owners.setdefault(address, []).append(person.id)
    return owners
