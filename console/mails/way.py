"""A mail's way: fetched, read, screened, resolved, logged, notified, sent, each with place, time and reason.

What the index tells is completed by the records themselves, each fetched from its place.
"""

from dataclasses import dataclass, replace

from sqlalchemy import select

from console.audit.dead_letters import letter_of
from console.mails.index.facts import Step
from console.mails.index.records import MOST_STEPS, MailRecords, steps_of
from console.mails.index.search import IndexedMail, one_mail
from console.mails.way_stages import TOLD_BY_RECORD, Stage, stage_of_letter, stages_of, timed
from desk import tables
from desk.engine import read_transaction
from runtime.kafka.topic_reader import Place
from schemas.topics import (
    BY_SHORT_NAME,
)

_LETTERS = select(tables.dead_letters).order_by(tables.dead_letters.c.at).limit(MOST_STEPS)
_LEDGER = select(tables.mails.c.outcome, tables.mails.c.logged_at)


@dataclass(frozen=True, slots=True)
class Way:
    """`cut`: there are more stages than are shown."""

    mail: IndexedMail
    stages: tuple[Stage, ...]
    cut: bool


def way_of(records: MailRecords, mail_id: str) -> Way | None:
    """The way of a mail; None where the index has no such mail. Raises `OutageError`."""
    with read_transaction(records.engine) as connection:
        mail = one_mail(connection, mail_id)
        if mail is None:
            return None
        steps = steps_of(connection, mail_id)
        letters = connection.execute(_LETTERS.where(tables.dead_letters.c.mail_id == mail_id)).all()
        ledger = connection.execute(_LEDGER.where(tables.mails.c.mail_id == mail_id)).one_or_none()
    places = {step: _place(records, step) for step in steps}
    told = records.at([place for step, place in places.items() if step.topic in TOLD_BY_RECORD])
    gone = records.gone(places.values())
    stages = [
        replace(stage, gone=place in gone)
        for step, place in places.items()
        for stage in stages_of(step, told.get(place))
    ]
    stages += [stage_of_letter(letter_of(row), row.at) for row in letters]
    if ledger is not None and ledger.outcome == "duplicate":
        stages.append(Stage(name="Logged", outcome="duplicate", at=ledger.logged_at))
    return Way(mail, timed(stages), len(steps) == MOST_STEPS)


def _place(records: MailRecords, step: Step) -> Place:
    name = BY_SHORT_NAME[step.topic].name(records.config.topic_prefix)
    return name, step.topic_partition, step.topic_offset
