"""Who is told: for now the sender of the mail, by one acknowledgement of what became of it."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from desk.references import reference
from logger.decide import Intent
from logger.events import event_name
from logger.senders import is_address
from logger.state import ItemState
from schemas import ids
from schemas.addresses import normalise
from schemas.events import NotificationRequested
from schemas.persons import Person
from schemas.reasons import EXPLANATIONS, Reason
from schemas.settings import UNPARTITIONED
from schemas.snapshot import SettingsSnapshot

MAX_AGE = timedelta(hours=1)  # a backlog that is worked off must not answer last week's mail
MAX_REFERENCES = 20

# The ids of a foreign mail that may stand in one of ours: dot-atoms of RFC 5322, 3.6.4, and nothing else.
_THREAD_ID = re.compile(r"<[\w.!#$%&'*+/=?^`{|}~-]{1,200}@[\w.:\[\]-]{1,200}>", re.ASCII)


def notifications(
    intent: Intent, settings: SettingsSnapshot, persons: Mapping[str, Person], now: datetime
) -> tuple[NotificationRequested, ...]:
    """Who is told of it, each once. `persons`: those that are to be named, by id."""
    answer = _answer(intent, settings, persons, now)
    return () if answer is None else (answer,)


def _answer(
    intent: Intent, settings: SettingsSnapshot, persons: Mapping[str, Person], now: datetime
) -> NotificationRequested | None:
    """The answer to the mail's sender; None where none may be sent."""
    mail, person, item = intent.mail, intent.person, intent.item
    if not mail.answerable or now - mail.received > MAX_AGE or not is_address(mail.sender.address):
        return None
    event = event_name(intent)
    recipient = mail.sender.address
    answers, thread = _thread(intent)
    return NotificationRequested(
        notification_id=ids.notification_id(mail.mail_id, event, normalise(recipient)),
        recipient=recipient,
        recipient_name=person.name,
        recipient_format=person.email_format,
        role="author",
        partition=item.partition,
        event=event,
        data=words(event, item, person.id, settings, persons, getattr(intent, "reason", None)),
        in_reply_to=answers,
        references=thread,
        mail_id=mail.mail_id,
        requested_at=now,
    )


def words(
    event: str,
    item: ItemState,
    person_id: str,
    settings: SettingsSnapshot,
    persons: Mapping[str, Person],
    reason: Reason | None = None,
    text: str = "",
) -> dict[str, str]:
    """What a message template can name (docs/desk.md lists it). Strings only."""
    return {
        "event": event,
        "reference": reference(item.kind, item.number),
        "kind": item.kind,
        "subject": item.subject,
        "partition": _partition_name(item.partition, settings),
        "user": _name(item.user, persons),
        "logging_analyst": _name(item.logging_analyst, persons),
        "person": _name(person_id, persons),
        "priority": item.priority,
        "text": text,
        "reason": EXPLANATIONS[reason].meaning if reason else "",
        "remedy": EXPLANATIONS[reason].remedy if reason else "",
    }


def _partition_name(partition_id: str, settings: SettingsSnapshot) -> str:
    """Empty on a desk without partitioning: its one partition has an id, and no name."""
    partition = settings.partition(partition_id)
    return (partition and partition.name) or ("" if partition_id == UNPARTITIONED else partition_id)


def _name(person_id: str, persons: Mapping[str, Person]) -> str:
    person = persons.get(person_id)
    return (person and person.name) or person_id


def _thread(intent: Intent) -> tuple[str | None, tuple[str, ...]]:
    """In-Reply-To and References of the answer (RFC 5322, 3.6.4)."""
    mail = intent.mail
    if mail.message_id is None or not _THREAD_ID.fullmatch(mail.message_id):
        return None, ()
    before = (one for one in mail.references or mail.in_reply_to[:1] if _THREAD_ID.fullmatch(one))
    return mail.message_id, (*before, mail.message_id)[-MAX_REFERENCES:]
