"""Lists in parts, each found by the key of the row beside it: as fast at row 100,000 as at the first, never counted."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, tuple_
from starlette.requests import Request

T = TypeVar("T")
R = TypeVar("R", bound=tuple[Any, ...])
Key = tuple[str | int | datetime, ...]

ROWS = 50


@dataclass(frozen=True, slots=True)
class Cut:
    """Which part of a list is asked for: behind a row, before a row (`backwards`), or from the start (`key` None)."""

    key: Key | None = None
    backwards: bool = False
    rows: int = ROWS


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """The rows of one part in the list's order, and where the parts beside it begin: values of `before` and `after` for
    the address; None where there are none."""

    rows: Sequence[T]
    before: str | None
    after: str | None


def asked(request: Request, *kinds: type, rows: int = ROWS) -> Cut:
    """The part that the address asks for (`?after=` or `?before=`); the first where it cannot be read.

    `kinds`: of the parts of the list's key, such as `datetime, str`: another key is none that the window has written,
    and none that a database can be asked for.
    """
    for name in ("after", "before"):
        key = _read(request.query_params.get(name, ""))
        if key is not None and _is_of(key, kinds):
            return Cut(key, name == "before", rows)
    return Cut(rows=rows)


def cut_query(query: Select[R], columns: Sequence[ColumnElement[Any]], cut: Cut, *, descending: bool) -> Select[R]:
    """The query of one part, to be handed to `part`. `columns` are the key: together they are unique, and indexed in
    this order; none of them is ever null."""
    down = descending != cut.backwards
    query = query.order_by(*(column.desc() if down else column.asc() for column in columns)).limit(cut.rows + 1)
    if cut.key is None:
        return query
    row, key = tuple_(*columns), tuple_(*cut.key)
    return query.where(row < key if down else row > key)


def part(found: Sequence[T], cut: Cut, key: Callable[[T], Key]) -> Part[T]:
    """What `cut_query` found, which is one row more than is shown where there are more."""
    more = len(found) > cut.rows
    rows = list(found[: cut.rows])
    if cut.backwards:
        rows.reverse()
    has_before = more if cut.backwards else cut.key is not None
    has_after = cut.backwards or more
    return Part(
        rows,
        written(key(rows[0])) if rows and has_before else None,
        written(key(rows[-1])) if rows and has_after else None,
    )


def cut_list(values: Sequence[T], cut: Cut, key: Callable[[T], Key], *, descending: bool = False) -> Part[T]:
    """The same of a list in memory, such as a view's."""
    down = descending != cut.backwards
    ordered = sorted(values, key=key, reverse=down)
    if cut.key is not None:
        wanted = cut.key
        ordered = [one for one in ordered if (key(one) < wanted if down else key(one) > wanted)]
    return part(ordered[: cut.rows + 1], cut, key)


def written(key: Key) -> str:
    """The key of a row, for the address of the part behind it."""
    plain = [{"at": one.isoformat()} if isinstance(one, datetime) else one for one in key]
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode().rstrip("=")


def _read(text: str) -> Key | None:
    try:
        plain = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return tuple(_key_part(one) for one in plain) if isinstance(plain, list) and plain else None
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def _is_of(key: Key, kinds: tuple[type, ...]) -> bool:
    return tuple(map(type, key)) == kinds


def _key_part(plain: Any) -> str | int | datetime:
    """Raises `ValueError`, `OverflowError` and others for what no key of a row can be.

    Databases have no text with NUL or half a character in it, and no whole number above 63 bits.
    """
    if isinstance(plain, dict):
        moment = datetime.fromisoformat(plain["at"])
        if moment.tzinfo:
            return moment.astimezone(UTC)
    elif isinstance(plain, str) and "\0" not in plain:
        plain.encode()
        return plain
    elif isinstance(plain, int) and -(2**63) <= plain < 2**63:
        return plain
    raise ValueError
