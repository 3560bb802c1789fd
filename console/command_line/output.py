"""How the command line shows things: tables and lines for people, JSON for programs. Foreign text is made harmless."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from schemas.base import Model

_SECRET_FIELDS = {"sealed", "env", "file"}


def print_json(value: Any) -> None:
    """One JSON document, pure ASCII: no terminal and no reader can mistake it."""
    print(json.dumps(value, default=_plain_data, indent=2 if sys.stdout.isatty() else None))


def print_json_line(value: Any) -> None:
    """One line of JSON."""
    print(json.dumps(value, default=_plain_data, separators=(",", ":")))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """A table with these columns; `empty` is said where there are no rows."""
    from rich.console import Console  # here: `explain --json` of a few mails should not wait for it
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(harmless(cell)) for cell in row))
    if not table.row_count:
        print(empty)
        return
    Console(width=None if sys.stdout.isatty() else 250).print(table)


def print_fields(fields: Iterable[tuple[str, object]]) -> None:
    """One line a field, names aligned."""
    shown = [(name, harmless(value)) for name, value in fields]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        print(f"{name:<{width}}  {value}".rstrip())


def format_value(value: Any) -> str:
    """A field's value as it would be written behind `KEY=`; nothing for one that is not set."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def harmless(value: object) -> str:
    """Text for a terminal: what a mail says must not move the cursor, ring a bell or hide what stands beside it."""
    return "".join(c if c.isprintable() else " " for c in _words(value))


def _words(value: object) -> str:
    """A value as a person writes it; empty where there is nothing."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.isoformat(timespec="seconds")
        case Mapping():
            return ", ".join(f"{name}={_words(one)}" for name, one in value.items())
        case list() | tuple() | set() | frozenset():
            return ", ".join(map(_words, value))
        case _:
            return str(value)


def _plain_data(value: object) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no plain data")


def print_setting(value: "Model") -> None:
    """Every field by the key that `mailcall servers update` takes; secrets are only named."""
    from console.settings.secrets import redacted

    print_fields(_setting_fields(redacted(value, defaults=True)))


def _setting_fields(data: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in data.items():
        if not isinstance(value, dict):
            yield before + name, format_value(value)
        elif set(value) == _SECRET_FIELDS:
            yield before + name, _secret_source(value)
        else:
            yield from _setting_fields(value, f"{before}{name}.")


def _secret_source(value: Mapping[str, str | None]) -> str:
    """`(sealed)`, `env NAME` or `file PATH`."""
    return value["sealed"] or next(f"{source} {where}" for source, where in value.items() if where)
