"""What is known so far of each of the demo's mails, looked up where people would: desk, topic and mailbox."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine, select

from deploy.local.demo.composing import Acknowledgement, DemoMail, MailOutcome
from deploy.local.pipeline import retry_while_starting
from deploy.local.servers.mailboxes import Mailboxes, Reply
from desk.engine import read_transaction
from desk.item_detail import Item, show_item
from desk.item_references import reference
from desk.tables import items, mails, persons
from runtime.config import ProcessConfig
from runtime.kafka.clients import make_consumer
from runtime.kafka.topic_reader import assign_whole, to_record
from schemas.resolved_mail import RejectedMail
from schemas.topics import MAIL_REJECTED
from schemas.wire import decode


@dataclass(slots=True)
class MailProgress:
    """One mail on its way. Times in seconds after it was sent; `item` is the desk's, of a mail that reached it."""

    mail: DemoMail
    sent_at: float | None = None
    got: MailOutcome | None = None
    item: Item | None = None
    user_name: str = ""
    analyst_name: str = ""
    decided_after: float | None = None
    answered_after: float | None = None
    answers: list[Reply] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Nothing more is expected to happen to it."""
        return self.got is not None and (self.got.notified or not self.mail.expected.notified)

    @property
    def answered(self) -> Acknowledgement | None:
        """The acknowledgement of this mail, once it has been received."""
        first = self.answers[0] if self.answers else None
        return Acknowledgement(first.message_id, first.subject, first.text) if first else None


class ProgressTracker:
    """Looks after the walks of mails: `look` brings all of them up to date."""

    def __init__(
        self, walks: Sequence[MailProgress], engine: Engine, config: ProcessConfig, mailboxes: Mailboxes
    ) -> None:
        self._walks: Mapping[str, MailProgress] = {walk.mail.message_id: walk for walk in walks}
        self._engine = engine
        self._mailboxes = mailboxes
        self._rejected = _Rejected(config)

    def look(self) -> None:
        self._look_into_mailboxes()
        for rejected in self._rejected.new():
            walk = self._walks.get(rejected.message_id or "")
            if walk is not None:
                self._decide(walk, MailOutcome("rejected", reason=rejected.reason.value))
        with read_transaction(self._engine) as connection:
            self._look_into_desk(connection)
        for walk in self._walks.values():
            if walk.got is not None:
                walk.got = replace(walk.got, notified=bool(walk.answers))

    def _look_into_mailboxes(self) -> None:
        for answer in self._mailboxes.look():
            walk = self._walks.get(answer.answers)
            if walk is not None:
                walk.answers.append(answer)
                walk.answered_after = walk.answered_after or _since(walk.sent_at)

    def _look_into_desk(self, connection: Connection) -> None:
        query = (
            select(mails.c.mail_id, mails.c.message_id, mails.c.outcome, items.c.kind, items.c.id)
            .join_from(mails, items, items.c.id == mails.c.item_id)
            .where(mails.c.message_id.in_(self._walks))
        )
        found = connection.execute(query).all()
        first_of = {row.id: row.message_id for row in reversed(found) if row.outcome == "call-logged"}
        names = dict(_names(connection)) if found else {}
        for row in found:
            walk = self._walks[row.message_id]
            item = show_item(connection, reference(row.kind, row.id))
            if walk.ended or item is None:
                continue
            walk.item = item
            walk.user_name = names.get(item.user, item.user)
            walk.analyst_name = names.get(item.logging_analyst, item.logging_analyst)
            caller = self._walks.get(first_of.get(row.id, ""))
            continues = caller.mail.name if caller is not None and caller is not walk else None
            self._decide(walk, _fate(row.outcome, item, row.mail_id, continues))

    def _decide(self, walk: MailProgress, fate: MailOutcome) -> None:
        walk.got = fate
        walk.decided_after = walk.decided_after or _since(walk.sent_at)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rejected.close()


def _fate(outcome: str, item: Item, mail_id: str, continues: str | None) -> MailOutcome:
    return MailOutcome(
        outcome,
        same_call_as=continues,
        partition=item.partition,
        user=item.user,
        logging_analyst=item.logging_analyst,
        priority=item.priority,
        files=sum(file.mail_id == mail_id for file in item.files),
    )


def _names(connection: Connection) -> Iterator[tuple[str, str]]:
    for row in connection.execute(select(persons.c.id, persons.c.first_name, persons.c.last_name)):
        yield row.id, f"{row.first_name} {row.last_name}".strip()


def _since(moment: float | None) -> float | None:
    return None if moment is None else time.monotonic() - moment


class _Rejected:
    """What arrives on `mail.rejected`."""

    def __init__(self, config: ProcessConfig) -> None:
        self._consumer = retry_while_starting(lambda: make_consumer(config, "demo"))
        assign_whole(self._consumer, [MAIL_REJECTED.name(config.topic_prefix)])

    def new(self) -> Iterator[RejectedMail]:
        for batch in self._consumer.poll(timeout_ms=0).values():
            for record in batch:
                yield decode(MAIL_REJECTED, to_record(record))[1]

    def close(self) -> None:
        self._consumer.close()
