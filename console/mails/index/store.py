"""Writing the index: facts become rows, with the offsets that come next, in one transaction of the caller.

The same facts written twice, or in another order, make the same rows.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from console.mails.index.ends import DECISIVE, ON_THE_WAY, LedgerEnd, LetterState, end_of
from console.mails.index.facts import MAX_MESSAGE_ID, Fact, KnownMail, Letter, Settled, Step, fold, storable
from desk.item_references import reference
from desk.queries import any_of
from desk.tables import dead_letters, index_positions, items, mail_index, mail_steps, mails

OPEN = "open"
EPOCH = datetime.fromtimestamp(0, UTC)
_INSERTS: Mapping[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
_MOST_SWEPT = 1_000

_ROWS = select(mail_index).where(any_of(mail_index.c.mail_id))
_STEPS = select(mail_steps).where(any_of(mail_steps.c.mail_id), mail_steps.c.outcome.in_(DECISIVE))
_LETTERS = select(dead_letters).where(any_of(dead_letters.c.mail_id))
_LEDGER = (
    select(mails, items.c.kind, items.c.partition)
    .outerjoin_from(mails, items, items.c.id == mails.c.item_id)
    .where(any_of(mails.c.mail_id))
)
_OF_LETTERS = select(dead_letters.c.mail_id).where(any_of(dead_letters.c.id), dead_letters.c.mail_id != "")
_ENDED_UNTOLD = (
    select(mail_index.c.mail_id)
    .join(mails, mails.c.mail_id == mail_index.c.mail_id)
    .where(mail_index.c.outcome == ON_THE_WAY)
    .limit(_MOST_SWEPT)
)

Positions = dict[tuple[str, int], int]


class _Known(NamedTuple):
    """What the database has of some mails, by mail id."""

    rows: Mapping[str, Any]
    steps: Mapping[str, Sequence[Step]]
    letters: Mapping[str, Sequence[LetterState]]
    ledger: Mapping[str, Any]


def write_facts(connection: Connection, facts: Iterable[Fact]) -> None:
    """Stores the facts in the index."""
    sorted_facts = _by_kind(facts)
    steps: list[Step] = sorted_facts[Step]
    letters: list[Letter] = sorted_facts[Letter]
    settled: list[Settled] = sorted_facts[Settled]
    mails_known: list[KnownMail] = sorted_facts[KnownMail]
    _upsert(connection, mail_steps, [asdict(step) for step in steps])
    _add_letters(connection, letters)
    _settle(connection, settled)
    touched = {step.mail_id for step in steps if step.outcome in DECISIVE}
    touched |= {one.mail_id for one in mails_known} | {one.mail_id for one in letters if one.mail_id}
    touched |= _mails_of(connection, settled)
    _write_mails(connection, mails_known, touched)


def end_by_ledger(connection: Connection) -> int:
    """Gives mails their end that no topic tells of: a duplicate is in the desk's ledger alone. How many there were."""
    ended = set(connection.scalars(_ENDED_UNTOLD))
    _write_mails(connection, (), ended)
    return len(ended)


def read_positions(connection: Connection, topics: Sequence[str], *, lock: bool = False) -> Positions:
    """The offset that comes next, by topic and partition. `lock`: nobody else changes them meanwhile."""
    known = index_positions.c
    query = select(index_positions).where(any_of(known.topic, "topics")).order_by(known.topic, known.topic_partition)
    rows = connection.execute(query.with_for_update() if lock else query, {"topics": list(topics)})
    return {(row.topic, row.topic_partition): row.next_offset for row in rows}


def write_positions(connection: Connection, positions: Positions) -> None:
    rows = [
        {"topic": topic, "topic_partition": partition, "next_offset": offset}
        for (topic, partition), offset in sorted(positions.items())
    ]
    _upsert(connection, index_positions, rows)


def forget_positions(connection: Connection) -> None:
    """The topics are read again from their beginning by the process that keeps the index. No row is deleted."""
    connection.execute(delete(index_positions))


def _by_kind(facts: Iterable[Fact]) -> "defaultdict[type[Fact], list[Any]]":
    kinds: defaultdict[type[Fact], list[Any]] = defaultdict(list)
    for fact in facts:
        kinds[type(fact)].append(fact)
    return kinds


def _add_letters(connection: Connection, letters: Sequence[Letter]) -> None:
    """A letter that is known keeps what was done about it."""
    rows = [{**asdict(one), "state": OPEN, "settled_at": None, "settled_by": "", "settled_why": ""} for one in letters]
    _upsert(connection, dead_letters, rows, kept=("state", "settled_at", "settled_by", "settled_why"))


def _settle(connection: Connection, settled: Sequence[Settled]) -> None:
    for one in settled:
        values = {name: value for name, value in asdict(one).items() if name != "id"}
        connection.execute(update(dead_letters).where(dead_letters.c.id == one.id).values(**values))


def _mails_of(connection: Connection, settled: Sequence[Settled]) -> set[str]:
    if not settled:
        return set()
    return set(connection.scalars(_OF_LETTERS, {"keys": [one.id for one in settled]}))


def _write_mails(connection: Connection, told: Sequence[KnownMail], touched: set[str]) -> None:
    if not touched:
        return
    known = _load(connection, touched)
    words: defaultdict[str, list[KnownMail]] = defaultdict(list)
    for one in told:
        words[one.mail_id].append(one)
    rows = (_row(mail_id, known, words[mail_id]) for mail_id in sorted(touched))
    _upsert(connection, mail_index, [row for row in rows if row is not None])


def _load(connection: Connection, touched: set[str]) -> _Known:
    keys = {"keys": sorted(touched)}
    rows = {row["mail_id"]: row for row in connection.execute(_ROWS, keys).mappings()}
    steps: defaultdict[str, list[Step]] = defaultdict(list)
    for step in connection.execute(_STEPS, keys).mappings():
        steps[step["mail_id"]].append(Step(**step))
    letters: defaultdict[str, list[LetterState]] = defaultdict(list)
    for letter in connection.execute(_LETTERS, keys):
        message = letter.headers.get("dlq-error-message", "")
        letters[letter.mail_id].append(LetterState(letter.topic, letter.reason, message, letter.state, letter.at))
    ledger = {entry.mail_id: entry for entry in connection.execute(_LEDGER, keys)}
    return _Known(rows, steps, letters, ledger)


def _row(mail_id: str, known: _Known, told: Sequence[KnownMail]) -> dict[str, Any] | None:
    """The mail's row as it is to be; None where it stays as it is."""
    before, steps, ledger = known.rows.get(mail_id), known.steps.get(mail_id, ()), known.ledger.get(mail_id)
    row: dict[str, Any] = dict(before) if before else _new_row(mail_id, steps, known.letters.get(mail_id, ()), ledger)
    for one in told:
        row |= {
            "server_id": one.server_id,
            "received": one.received or row["received"],
            "sender": one.sender or row["sender"],
            "subject": one.subject or row["subject"],
            "message_id": one.message_id or row["message_id"],
            "size": row["size"] if one.size is None else one.size,
        }
    row["words"] = fold(f"{row['sender']}\n{row['subject']}")
    row |= asdict(end_of(steps, known.letters.get(mail_id, ()), _ledger_end(ledger)))
    return None if before is not None and row == dict(before) else row


def _new_row(mail_id: str, steps: Sequence[Step], letters: Sequence[LetterState], ledger: Any) -> dict[str, Any]:
    """Of a mail that is met for the first time: what the ledger has of it, where its own records are gone already."""
    moments = [*(step.at for step in steps), *(one.at for one in letters)]
    return {
        "mail_id": mail_id,
        "server_id": ledger.server_id if ledger else "",
        "received": ledger.received if ledger else min(moments, default=EPOCH),
        "sender": "",
        "subject": "",
        "message_id": storable(ledger.message_id, MAX_MESSAGE_ID) if ledger and ledger.message_id else None,
        "size": ledger.size if ledger else None,
    }


def _ledger_end(ledger: Any) -> LedgerEnd | None:
    if ledger is None:
        return None
    item = None if ledger.kind is None else reference(ledger.kind, ledger.item_id)
    return LedgerEnd(ledger.outcome, item, ledger.partition)


def _upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], kept: Sequence[str] = ()) -> None:
    """Rows by their primary key; those that are there are changed, but for the columns that are `kept`."""
    if not rows:
        return
    statement = _INSERTS[connection.dialect.name](table)
    keys = [column.name for column in table.primary_key]
    changes = {column.name: statement.excluded[column.name] for column in table.c if column.name not in (*keys, *kept)}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), list(rows))
