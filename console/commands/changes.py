"""`mailcall changes`: who changed which setting or person, field by field."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from console.commands.moments import parse_moment
from console.commands.options import Json, config_of
from console.output import format_value, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console.operations.history import PastChange

_COLUMNS = ("at", "who", "what", "effect", "field", "old", "new", "change reason")


def changes(
    context: typer.Context,
    key: Annotated[
        str | None, typer.Argument(metavar="KIND[/ID]", help="Only of this setting or person, or of this kind.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="T", help="From this moment on, ISO 8601: 2026-11-20T08:00+01:00.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Only changes that this administrator made.")] = None,
    json: Json = False,
) -> None:
    """The history of settings and persons, the newest change last. Secrets are only named."""
    from console.operations.history import read_history

    start = parse_moment("--from", since) if since else None
    found = [past for past in read_history(config_of(context)) if _wanted(past, key, start, by)]
    if json:
        print_json(found)
    else:
        print_table(_COLUMNS, (row for past in found for row in _rows(past)), "there are no such changes")


def _wanted(past: "PastChange", key: str | None, start: datetime | None, by: str | None) -> bool:
    return (
        (key is None or past.key == key or past.key.startswith(f"{key}/"))
        and (start is None or past.at >= start)
        and (by is None or past.who == by)
    )


def _rows(past: "PastChange") -> "Iterator[tuple[object, ...]]":
    """One a field; one without a field where the same value was published again."""
    for one in past.fields:
        values = format_value(one.old), format_value(one.new)
        yield past.at, past.who, past.key, past.effect, one.field, *values, past.change_reason
    if not past.fields:
        yield past.at, past.who, past.key, past.effect, "", "", "", past.change_reason
