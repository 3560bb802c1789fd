"""`mailcall persons import` and `export`: persons as CSV."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.command_line.options import ChangeReason, Json, Who, config_of, services_of
from console.command_line.output import format_value, print_json, print_table
from console.errors import UserError

if TYPE_CHECKING:
    from console.persons.importing import Import
    from desk.persons import Flag

_FIELDS = ("line", "person", "effect", "field", "old", "new")


class Separator(StrEnum):
    """The names of `csv_file.SEPARATORS`."""

    COMMA = "comma"
    SEMICOLON = "semicolon"
    TAB = "tab"
    BAR = "bar"


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV file; its first line names the columns.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check, and show each field, old and new; publish nothing.")
    ] = False,
    encoding: Annotated[str | None, typer.Option(help="Such as utf-8 or windows-1252; found out if left out.")] = None,
    separator: Annotated[Separator | None, typer.Option(help="Between cells; found out if left out.")] = None,
    who: Who = "",
    change_reason: ChangeReason = "",
    json: Json = False,
) -> None:
    """Add and change the persons of a CSV file: all of it, or nothing where anything in it is wrong."""
    from console.desk.items import desk_engine
    from console.persons.csv_file import ENCODINGS, read_csv
    from console.persons.current import CurrentPersons
    from console.persons.importing import plan_import
    from console.settings.apply import publish
    from console.settings.state import read_settings

    if encoding is not None and encoding not in ENCODINGS:
        raise UserError(f"{encoding!r} is no encoding that is known", f"it is one of: {', '.join(ENCODINGS)}")
    read = read_csv(str(file), _bytes(file), encoding, separator)
    services = services_of(context)
    settings = read_settings(services.config)
    with desk_engine(services.config) as engine:
        planned = plan_import(read, settings, CurrentPersons(services.config, engine).find)
    if not dry_run:
        publish(planned.plan, services.publisher, who, change_reason, datetime.now(UTC))
    _print(planned, saved=not dry_run, json=json)


def export(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="Where to write; standard output when left out.")] = None,
    search: Annotated[str, typer.Option(help="Only those with these words in id, name, office or address.")] = "",
    user: Annotated[bool, typer.Option("--user", help="Only those who are flagged as a User.")] = False,
    analyst: Annotated[bool, typer.Option("--analyst", help="Only those who are flagged as an Analyst.")] = False,
) -> None:
    """Write the persons of the desk as CSV, which `import` reads again. No cell of it is a formula to a spreadsheet."""
    from console.desk.items import desk_engine
    from console.persons.csv_format import write_persons
    from console.persons.persons import every_person
    from desk.persons import PersonQuery

    flag: Flag | None = "both" if user and analyst else "user" if user else "analyst" if analyst else None
    with desk_engine(config_of(context)) as engine, _output(file) as write:
        for line in write_persons(every_person(engine, PersonQuery(search, flag=flag))):
            write(line)


def _bytes(file: Path) -> bytes:
    from console.persons.csv_file import MAX_BYTES

    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}", "give the path of a readable CSV file") from None


@contextmanager
def _output(file: Path | None) -> Iterator[Callable[[str], object]]:
    if file is None:
        yield sys.stdout.write
        return
    try:
        with file.open("w", encoding="utf-8", newline="") as opened:
            yield opened.write
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}", "give a path that can be written") from None


def _print(planned: "Import", *, saved: bool, json: bool) -> None:

    counts = {effect: planned.counts.get(effect, 0) for effect in ("new", "changed", "unchanged")}
    if json:
        changes = [
            {"line": line, "person": change.after, "effect": change.effect, "fields": change.fields}
            for line, change in planned.effective
        ]
        print_json({"counts": counts, "saved": saved, "changes": changes})
        return
    rows = (
        (
            line,
            change.key.removeprefix("person/"),
            change.effect,
            one.field,
            format_value(one.old),
            format_value(one.new),
        )
        for line, change in planned.effective
        for one in change.fields
    )
    print_table(_FIELDS, rows, "the file changes nothing")
    told = ", ".join(f"{count} {effect}" for effect, count in counts.items())
    print(f"{told}; {'saved' if saved else 'nothing is published'}")
