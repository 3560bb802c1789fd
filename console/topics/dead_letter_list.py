"""Dead letters as the index has them: a part of the list, how many of each cause, and the ids of a cause. Read only."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select, true

from console.mails.index.store import OPEN
from console.mails.index.within import Within
from console.topics.dead_letters import DeadLetter, letter_of
from console.web import keyset
from desk import tables
from desk.any_of import any_of

MOST_COUNTED = 10_000  # so many are looked at to count causes
_LETTER = tables.dead_letters.c
STATES = (OPEN, "replayed", "discarded")


@dataclass(frozen=True, slots=True)
class Listed:
    """`at`: when it was written, by the broker's or producer's clock; `of_mail`: the mail it belongs to, or empty."""

    at: datetime
    of_mail: str
    letter: DeadLetter


def list_letters(
    connection: Connection, state: str, reason: str, cut: keyset.Cut, within: Within | None = None
) -> keyset.Part[Listed]:
    """The newest first; `reason` "": of every cause; `within` None: of all partitions, and of what has none."""
    query = select(tables.dead_letters).where(_LETTER.state == state, _visible(within))
    if reason:
        query = query.where(_LETTER.reason == reason)
    rows = connection.execute(keyset.cut_query(query, (_LETTER.at, _LETTER.id), cut, descending=True)).all()
    listed = [Listed(row.at, row.mail_id, letter_of(row)) for row in rows]
    return keyset.part(listed, cut, lambda one: (one.at, one.letter.id))


def causes(connection: Connection, state: str, within: Within | None = None) -> Mapping[str, int]:
    """How many there are of each cause, of the first `MOST_COUNTED`."""
    some = select(_LETTER.reason).where(_LETTER.state == state, _visible(within)).limit(MOST_COUNTED).subquery()
    query = select(some.c.reason, func.count().label("letters")).group_by(some.c.reason).order_by(some.c.reason)
    return {row.reason: row.letters for row in connection.execute(query)}


def ids_of(connection: Connection, reason: str, most: int, within: Within | None = None) -> list[str]:
    """The oldest open ones of a cause."""
    query = select(_LETTER.id).where(_LETTER.state == OPEN, _LETTER.reason == reason, _visible(within))
    return list(connection.scalars(query.order_by(_LETTER.at, _LETTER.id).limit(most)))


def one_letter(connection: Connection, letter_id: str, within: Within | None = None) -> Listed | None:
    query = select(tables.dead_letters).where(_LETTER.id == letter_id, _visible(within))
    row = connection.execute(query).one_or_none()
    return None if row is None else Listed(row.at, row.mail_id, letter_of(row))


def are_visible(connection: Connection, ids: Collection[str], within: Within | None) -> bool:
    """Whether there are dead letters of all these ids, and all lie within."""
    query = select(_LETTER.id).where(any_of(_LETTER.id), _visible(within))
    return set(connection.scalars(query, {"keys": sorted(set(ids))})) == set(ids)


def _visible(within: Within | None) -> ColumnElement[bool]:
    """A dead letter is where its mail is: one of no mail is for whoever sees all partitions."""
    if within is None:
        return true()
    return _LETTER.mail_id.in_(select(tables.mail_index.c.mail_id).where(within.has(tables.mail_index.c)))
