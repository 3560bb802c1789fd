"""Who is told: for now the sender of the mail, by one acknowledgement of what became of it."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from desk.references import reference
from logger.decide import Intent, Refuse
from logger.events import event_name
from logger.senders import is_address
from schemas import ids
from schemas.addresses import normalise
from schemas.events import NotificationRequested
from schemas.persons import Person
from schemas.reasons import EXPLANATIONS
from schemas.snapshot import SettingsSnapshot

MAX_AGE = timedelta(hours=1)  # a backlog that is worked off must not answer last week's mail
MAX_REFERENCES = 20

# The ids of a foreign mail that may stand in one of ours: dot-atoms of RFC 5322, 3.6.4, and nothing else.
_THREAD_ID = re.compile(r"<[\w.!#$%&'*+/=?^`{|}~-]{1,200}@[\w.:\[\]-]{1,200}>", re.ASCII)


def acknowledgement(
    intent: Intent, settings: SettingsSnapshot, persons: Mapping[str, Person], now: datetime
) -> NotificationRequested | None:
    """The answer to the mail's sender; None where none may be sent. `persons`: those that are to be named, by id."""
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
        partition=item.partition,
        event=event,
        data=_data(intent, event, settings, persons),
        in_reply_to=answers,
        references=thread,
        mail_id=mail.mail_id,
        requested_at=now,
    )


def _data(intent: Intent, event: str, settings: SettingsSnapshot, persons: Mapping[str, Person]) -> dict[str, str]:
    """What a message template can name (docs/desk.md lists it). Strings only."""
    item = intent.item
    partition = settings.partition(item.partition)
    return {
        "event": event,
        "reference": reference(item.kind, item.number),
        "kind": item.kind,
        "subject": item.subject,
        "partition": (partition and partition.name) or item.partition,
        "user": _name(item.user, persons),
        "logging_analyst": _name(item.logging_analyst, persons),
        "person": _name(intent.person.id, persons),
        "priority": item.priority,
        "reason": EXPLANATIONS[intent.reason].meaning if isinstance(intent, Refuse) else "",
        "remedy": EXPLANATIONS[intent.reason].remedy if isinstance(intent, Refuse) else "",
    }


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
