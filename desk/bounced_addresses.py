"""Addresses that messages bounced from, and the suppression list: those of them that nothing more is sent to."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from desk.prepared import Prepared
from desk.queries import any_of
from desk.tables import bounced_addresses as table


@dataclass(frozen=True, slots=True)
class BouncedAddress:
    """`address` is normalised, `bounces` are hard ones. Nothing more is sent there once `marked_at` is set."""

    address: str
    bounces: int
    status: str
    last_at: datetime
    marked_at: datetime | None


_SELECT = select(table).where(any_of(table.c.address)).order_by(table.c.address)
_FOUND = Prepared(_SELECT)
_LOCKED = Prepared(_SELECT.with_for_update())  # another logger that counts a bounce of it waits, and counts from there


def bounced(connection: Connection, addresses: Collection[str]) -> dict[str, BouncedAddress]:
    """By normalised address; those without a bounce are left out."""
    return _found(connection, _FOUND, addresses) if addresses else {}


def add_bounce(connection: Connection, address: str, status: str, at: datetime, until_marked: int) -> bool:
    """Counts a hard bounce of a normalised address. True if that suppresses it; `until_marked` 0: never."""
    before = _found(connection, _LOCKED, [address]).get(address)
    bounces = 1 if before is None else before.bounces + 1
    is_marked = before is not None and before.marked_at is not None
    marks = bool(until_marked) and bounces >= until_marked and not is_marked
    values = {"bounces": bounces, "status": status, "last_at": at, **({"marked_at": at} if marks else {})}
    if before is None:
        connection.execute(insert(table).values(address=address, **values))
    else:
        connection.execute(update(table).where(table.c.address == address).values(values))
    return marks


def forget(connection: Connection, addresses: Collection[str]) -> None:
    """Takes addresses off the suppression list, and forgets their bounces."""
    if addresses:
        connection.execute(delete(table).where(any_of(table.c.address)), {"keys": sorted(addresses)})


def _found(connection: Connection, query: Prepared, addresses: Collection[str]) -> dict[str, BouncedAddress]:
    return {row.address: BouncedAddress(**row._asdict()) for row in query.rows(connection, keys=sorted(addresses))}
