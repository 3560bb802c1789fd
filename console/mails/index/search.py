"""Finding mails in the index: newest first, a page at a time, in bounded time however many there are.

A page looks at no more than `MOST_WALKED` rows, by one index, at which the place to go on is known. Words are looked up
in the index of trigrams where there is one (PostgreSQL), unless they are so common that the newest mails fill the page.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select, text, true

from console.mails.index.conditions import (
    Condition,
    Place,
    Query,
    Within,
    anything,
    bound_conditions,
    exact_conditions,
    filter_conditions,
    is_behind,
    understood,
    word_conditions,
)
from console.mails.index.facts import fold
from desk.queries import any_of
from desk.tables import mail_index

PAGE = 50
# Rows that one page looks at: 200,000 take SQLite some 50 ms, and it has no index of trigrams.
MOST_WALKED: Mapping[str, int] = {"postgresql": 20_000, "sqlite": 200_000}
FEW_WALKED = 1_000  # before words are looked up: those that many mails have are found among the newest
MOST_FOUND = 5_000  # mails with some words that are put into order; where there are more, walking finds them
TRIGRAMS = "mail_index_words_trigrams"
_MAIL = mail_index.c
_VALID = text("SELECT 1 FROM pg_class JOIN pg_index ON indexrelid = oid WHERE relname = :name AND indisvalid")
_BY_INDEXES = text("SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)")


@dataclass(frozen=True, slots=True)
class IndexedMail:
    """One mail of the index: `outcome` is one of `ends.ENDS`, `detail` what its last word said besides."""

    mail_id: str
    server_id: str
    received: datetime
    sender: str
    subject: str
    message_id: str | None
    size: int | None
    outcome: str
    reason: str | None
    detail: str
    reference: str | None
    partition: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """`after`: where the next page begins; None: nothing follows. `walked_to`: the page is not full, and not the last:
    so far back was looked."""

    mails: tuple[IndexedMail, ...]
    after: Place | None = None
    walked_to: datetime | None = None


def find_mails(
    connection: Connection,
    query: Query,
    after: Place | None = None,
    size: int = PAGE,
    within: Within | None = None,
) -> Page:
    """A page of what the query means, newest first, behind `after`; None for `within`: of all partitions."""
    query = understood(query)
    exact, words, others = exact_conditions(query), word_conditions(query), filter_conditions(query)
    visible = [within.has] if within else []
    bounds = bound_conditions(query, after)
    index, *rest = [*exact, *others] or [anything]
    walked, wanted = [index, *bounds], [*rest, *words, *visible]
    most = MOST_WALKED[connection.dialect.name]
    _plan_by_indexes(connection)
    if exact or not words or not _has_trigrams(connection, query):
        return _walk(connection, walked, wanted, size, most)
    near = _walk(connection, walked, wanted, size, FEW_WALKED)
    if near.walked_to is None:
        return near
    found = _by_trigrams(connection, words, [*others, *bounds, *visible], size)
    return found or _walk(connection, walked, wanted, size, most)


def one_mail(connection: Connection, mail_id: str) -> IndexedMail | None:
    row = connection.execute(select(*_fields(_MAIL)).where(_MAIL.mail_id == mail_id)).one_or_none()
    return None if row is None else IndexedMail(*row)


def make_trigrams(connection: Connection) -> bool:
    """The index that finds words anywhere in a text, where PostgreSQL has its extension and lets us create both.

    In a transaction of its own: whatever is refused rolls it back.
    """
    if connection.dialect.name != "postgresql":
        return False
    connection.execute(text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
    connection.execute(text(f"CREATE INDEX IF NOT EXISTS {TRIGRAMS} ON mail_index USING gin (words gin_trgm_ops)"))
    return True


def _has_trigrams(connection: Connection, query: Query) -> bool:
    """Whether they help: a pattern with fewer than three letters together has none."""
    typed = [*query.words.split(), query.sender.strip(), query.subject.strip()]
    if connection.dialect.name != "postgresql" or all(len(fold(one)) < 3 for one in typed):
        return False
    return connection.execute(_VALID, {"name": TRIGRAMS}).first() is not None


def _plan_by_indexes(connection: Connection) -> None:
    """Until the transaction ends: PostgreSQL's guess of how many rows have a word is mostly far off."""
    if connection.dialect.name == "postgresql":
        connection.execute(_BY_INDEXES)


def _by_trigrams(
    connection: Connection, words: Sequence[Condition], rest: Sequence[Condition], size: int
) -> Page | None:
    """The page, where not too many mails have these words; else None."""
    found = select(mail_index).where(*_on(_MAIL, words)).limit(MOST_FOUND + 1).cte("found")
    counted = select(func.count().label("mails")).select_from(found).subquery()
    query = (
        select(counted.c.mails, *_fields(found.c))
        .select_from(counted.outerjoin(found, and_(true(), *_on(found.c, rest))))
        .order_by(*(column.nulls_last() for column in _newest(found.c)))
        .limit(size + 1)
    )
    rows = connection.execute(query).all()
    if rows[0].mails > MOST_FOUND:
        return None
    return _page([row[1:] for row in rows if row.mail_id is not None], size)


def _walk(connection: Connection, index: Sequence[Condition], rest: Sequence[Condition], size: int, most: int) -> Page:
    """What `rest` leaves of the newest rows that an index gives, of which `most` are looked at."""
    rows = select(mail_index).where(*_on(_MAIL, index)).order_by(*_newest(_MAIL))
    walked = rows.limit(most).subquery().c
    query = select(*_fields(walked)).where(*_on(walked, rest)).order_by(*_newest(walked)).limit(size + 1)
    page = _page(connection.execute(query).all(), size)
    if page.after is not None or not rest:
        return page
    oldest = select(walked.received, walked.mail_id).order_by(walked.received, walked.mail_id).limit(1)
    last = connection.execute(oldest).one_or_none()
    if last is None or connection.execute(rows.where(is_behind(tuple(last), _MAIL)).limit(1)).first() is None:
        return page
    return Page(page.mails, tuple(last), last.received)


def _on(mail: Any, conditions: Sequence[Condition]) -> list[ColumnElement[bool]]:
    return [condition(mail) for condition in conditions]


def _fields(mail: Any) -> list[Any]:
    return [mail[name] for name in IndexedMail.__slots__]


def _newest(mail: Any) -> tuple[Any, Any]:
    return mail.received.desc(), mail.mail_id.desc()


def _page(rows: Sequence[Any], size: int) -> Page:
    mails = tuple(IndexedMail(*row) for row in rows[:size])
    last = mails[-1] if len(rows) > size else None
    return Page(mails, None if last is None else (last.received, last.mail_id))


def are_within(connection: Connection, mail_ids: Collection[str], within: Within) -> bool:
    """Whether all of these mails are in the index and lie within."""
    query = select(mail_index.c.mail_id).where(any_of(mail_index.c.mail_id), within.has(mail_index.c))
    return set(connection.scalars(query, {"keys": sorted(set(mail_ids))})) == set(mail_ids)


MOST = 200


def indexed_servers(connection: Connection) -> tuple[str, ...]:
    """Ids in their order, at most `MOST`: also of servers that are no longer set up."""
    found: list[str] = []
    last = ""
    while len(found) < MOST:
        query = select(mail_index.c.server_id).where(mail_index.c.server_id > last)
        row = connection.execute(query.order_by(mail_index.c.server_id).limit(1)).one_or_none()
        if row is None:
            break
        last = row.server_id
        found.append(last)
    return tuple(found)
