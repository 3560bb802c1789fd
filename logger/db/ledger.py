"""The ledgers: which messages and commands have had their effect, so that a redelivery has none."""

from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from desk.fast_writes import BulkInsert
from desk.prepared import Prepared
from desk.queries import any_of
from desk.tables import handled, mails, rejected_mails
from logger.core.commands import OUTCOMES, ChangeWatchers, Decision, Duplicate, MailCommand, SystemCommand
from logger.core.rate_limits import RateLimitHit
from schemas.reasons import Reason

_HANDLED = Prepared(select(handled.c.key).where(any_of(handled.c.key)))
_MAIL = BulkInsert(
    mails,
    (
        *("mail_id", "server_id", "outcome", "item_id", "message_id", "received", "logged_at", "size", "sha256"),
        *("person_id", "content_id"),
    ),
)
_REJECTED = BulkInsert(rejected_mails, ("mail_id", "server_id", "reason", "rejected_at"))
_HANDLED_ROW = BulkInsert(handled, ("key", "outcome", "item_id", "handled_at"))


def unprocessed_mails(
    commands: Iterable[MailCommand], known: Container[str], rejected: Container[str]
) -> tuple[MailCommand, ...]:
    """Those not in the ledgers, each once. `known` and `rejected`: ids of messages that are.

    A message that was rejected is new again once it is released, also where it came before in the same batch.
    """
    by_id: dict[str, MailCommand] = {}
    for command in commands:
        if command.causation_id not in by_id or command.mail.released:
            by_id[command.causation_id] = command
    return tuple(
        command
        for mail_id, command in by_id.items()
        if mail_id not in known and (mail_id not in rejected or command.mail.released)
    )


def unprocessed_commands(connection: Connection, commands: Iterable[SystemCommand]) -> tuple[SystemCommand, ...]:
    """Those not in the ledger, each once."""
    by_id: dict[str, SystemCommand] = {}
    for command in commands:
        by_id.setdefault(command.causation_id, command)
    for row in _HANDLED.rows(connection, keys=list(by_id)):
        del by_id[row.key]
    return tuple(by_id.values())


def record_processed(
    connection: Connection,
    decisions: Sequence[Decision],
    duplicates: Sequence[Duplicate],
    hits: Sequence[RateLimitHit],
    unsuppressed: Iterable[str],
    now: datetime,
) -> None:
    """A duplicate is in the ledger, so that each message is accounted for, and nowhere else.

    `unsuppressed`: causation ids of the commands that take an address off the suppression list.
    """
    _MAIL.insert(connection, _mail_rows((*duplicates, *decisions), now))
    _REJECTED.insert(connection, ((hit.mail.mail_id, hit.mail.server_id, Reason.FLOOD, now) for hit in hits))
    rows: list[tuple[Any, ...]] = [
        (decision.command.causation_id, _outcome(decision), decision.item.number, now)
        for decision in decisions
        if isinstance(decision.command, SystemCommand)
    ]
    rows += [(causation_id, "address-unmarked", None, now) for causation_id in unsuppressed]
    _HANDLED_ROW.insert(connection, rows)


def _mail_rows(decisions: Iterable[Decision | Duplicate], now: datetime) -> list[tuple[Any, ...]]:
    """A content id is in one row alone: that of the message which had the effect."""
    rows = []
    for decision in decisions:
        command = decision.command
        if not isinstance(command, MailCommand):
            continue
        mail = command.mail
        content_id = None if isinstance(decision, Duplicate) else mail.content_id or None
        rows.append(
            (
                *(mail.mail_id, mail.server_id, OUTCOMES[type(decision), decision.item.kind], decision.item.number),
                *(command.thread.message_id, mail.received, now, mail.size, mail.sha256),
                *(decision.person.id, content_id),
            )
        )
    return rows


def _outcome(decision: Decision) -> str:
    if isinstance(decision, ChangeWatchers):
        return "item-watched" if decision.watches else "item-unwatched"
    return OUTCOMES[type(decision), decision.item.kind]
