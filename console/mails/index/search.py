"""Finding mails in the index: newest first, a page at a time, in bounded time however many there are.

A page looks at no more than `MOST_WALKED` rows, by one index, at which the place to go on is known. Words are looked up
in the index of trigrams where there is one (PostgreSQL), unless so many mails have them that the newest fill the page.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, literal, select, text, true, tuple_

from console.mails.index.facts import MAX_MESSAGE_ID, fold, storable
from console.mails.index.within import Within
from desk.item_references import parse_reference, reference
from desk.tables import mail_index
from schemas.ids import MAIL_ID

PAGE = 50
# Rows that one page looks at: 200,000 take SQLite some 50 ms, and it has no index of trigrams.
MOST_WALKED: Mapping[str, int] = {"postgresql": 20_000, "sqlite": 200_000}
FEW_WALKED = 1_000  # before words are looked up: those that many mails have are found among the newest
MOST_FOUND = 5_000  # mails with some words that are put into order; where there are more, walking finds them
TRIGRAMS = "mail_index_words_trigrams"
MAX_TYPED = 500  # characters of what is looked for
_MAIL = mail_index.c
_VALID = text("SELECT 1 FROM pg_class JOIN pg_index ON indexrelid = oid WHERE relname = :name AND indisvalid")
_BY_INDEXES = text("SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)")
Place = tuple[datetime, str]
Condition = Callable[[Any], ColumnElement[bool]]  # of the columns of the index, or of some of its rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is looked for; "" and None: anything. `since` is included, `until` is not; both are aware.

    `words` are looked for in sender and subject, each anywhere in them. A mail id, an item's reference and a Message-ID
    in angle brackets are known as such there.
    """

    words: str = ""
    sender: str = ""
    subject: str = ""
    message_id: str = ""
    reference: str = ""
    outcome: str = ""
    server_id: str = ""
    since: datetime | None = None
    until: datetime | None = None


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
    query = _understood(query)
    exact, words, others = _exactly(query), _words(query), _others(query)
    visible = [within.has] if within else []
    bounds = _bounds(query, after)
    index, *rest = [*exact, *others] or [_anything]
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


def _understood(query: Query) -> Query:
    """What stands in the field for words and names one mail or item is looked for as that."""
    words = query.words.strip()
    item = parse_reference(words)
    if item is not None:
        return replace(query, words="", reference=reference(*item))
    if words.startswith("<") and words.endswith(">") and "@" in words and " " not in words:
        return replace(query, words="", message_id=words)
    return query


def _exactly(query: Query) -> list[Condition]:
    """What few mails have, by an index of its own."""
    words, message_id = query.words.strip(), query.message_id.strip().strip("<>")
    if MAIL_ID.fullmatch(words):
        return [lambda mail: mail.mail_id == words]
    if message_id:
        forms = [storable(form, MAX_MESSAGE_ID) for form in (f"<{message_id}>", message_id)]
        return [lambda mail: mail.message_id.in_(forms)]
    if query.reference.strip():
        item = parse_reference(query.reference)
        named = reference(*item) if item else query.reference.strip()
        return [lambda mail: mail.reference == named]
    return []


def _words(query: Query) -> list[Condition]:
    """Sender and subject stand in one column, a line each: so one index of trigrams finds words of both."""
    if MAIL_ID.fullmatch(query.words.strip()):
        return []
    patterns = [f"%{_literal(word)}%" for word in query.words.split()]
    if query.sender.strip():
        patterns.append(f"%{_literal(query.sender.strip())}%\n%")
    if query.subject.strip():
        patterns.append(f"%\n%{_literal(query.subject.strip())}%")
    return [partial(_is_like, pattern) for pattern in patterns]


def _is_like(pattern: str, mail: Any) -> ColumnElement[bool]:
    like: ColumnElement[bool] = mail.words.like(pattern, escape="\\")
    return like


def _literal(typed: str) -> str:
    """As it is written in a pattern, folded as the column is."""
    return re.sub(r"([\\%_])", r"\\\1", storable(fold(typed), MAX_TYPED))


def _others(query: Query) -> list[Condition]:
    """Filters with an index of their own, the one that leaves the fewest mails first."""
    conditions: list[Condition] = []
    if query.outcome:
        conditions.append(lambda mail: mail.outcome == query.outcome)
    if query.server_id:
        conditions.append(lambda mail: mail.server_id == query.server_id)
    return conditions


def _bounds(query: Query, after: Place | None) -> list[Condition]:
    bounds: list[Condition] = []
    if query.since is not None:
        bounds.append(lambda mail: mail.received >= query.since)
    if query.until is not None:
        bounds.append(lambda mail: mail.received < query.until)
    if after is not None:
        bounds.append(partial(_is_behind, after))
    return bounds


def _is_behind(place: Place, mail: Any) -> ColumnElement[bool]:
    at = literal(place[0], mail_index.c.received.type), literal(place[1])
    return tuple_(mail.received, mail.mail_id) < tuple_(*at)


def _anything(_mail: Any) -> ColumnElement[bool]:
    return true()


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
    if last is None or connection.execute(rows.where(_is_behind(tuple(last), _MAIL)).limit(1)).first() is None:
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
