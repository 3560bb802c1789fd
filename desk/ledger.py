"""The messages that reached the logger: their outcomes, and who may have logged them. Read only."""

from collections.abc import Collection, Iterator
from typing import Literal, cast

from sqlalchemy import Connection, bindparam, select

from desk.item_references import reference
from desk.queries import any_of
from desk.tables import former_versions, items, mails

MailOutcome = Literal["call-logged", "item-updated", "item-closed", "item-reopened", "action-refused", "duplicate"]
_CHUNK = 5_000
_OUTCOMES = select(mails.c.mail_id, mails.c.outcome, items.c.kind, items.c.id).outerjoin_from(
    mails, items, items.c.id == mails.c.item_id
)
_PRIORITIES = (
    select(mails.c.mail_id, items.c.priority)
    .join_from(mails, items, items.c.id == mails.c.item_id)
    .where(any_of(mails.c.mail_id), mails.c.outcome == "call-logged")
)
_VERSION = select(former_versions.c.version).where(former_versions.c.version == bindparam("version"))
_KNOWN = select(mails.c.mail_id).where(any_of(mails.c.mail_id))


def known_mails(connection: Connection, mail_ids: Collection[str]) -> frozenset[str]:
    """Those of these messages that have reached the desk."""
    return frozenset(connection.scalars(_KNOWN, {"keys": list(mail_ids)}))


def may_be_from(connection: Connection, version: Literal["0.1"]) -> bool:
    """Whether messages may be here that this former version logged."""
    return connection.scalar(_VERSION, {"version": version}) is not None


def priorities(connection: Connection, mail_ids: Collection[str]) -> dict[str, str]:
    """The Priority of the call that each of these messages logged; those that logged none are left out."""
    return {row.mail_id: row.priority for row in connection.execute(_PRIORITIES, {"keys": list(mail_ids)})}


def mail_outcomes(connection: Connection) -> Iterator[tuple[str, MailOutcome, str | None]]:
    """Every mail of the ledger: its id, its outcome, and the reference of the item it went to. Streams."""
    for mail_id, outcome, kind, number in connection.execution_options(yield_per=_CHUNK).execute(_OUTCOMES):
        yield mail_id, cast(MailOutcome, outcome), None if number is None else reference(kind, number)
