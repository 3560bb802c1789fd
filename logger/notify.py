"""Who is told of what became of a mail: its author by one answer, all others by a notification each. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from desk.item_references import reference
from logger.decide import Intent
from logger.events import event_name
from logger.recipients import People, Recipient, others
from logger.senders import is_address
from logger.state import ItemState, is_party, is_trusted
from schemas import ids
from schemas.addresses import is_program, normalise
from schemas.events import NotificationRequested
from schemas.notification_rules import DeskEvent
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.settings import UNPARTITIONED
from schemas.snapshot import SettingsSnapshot
from schemas.template_words import template_variables

MAX_AGE = timedelta(hours=1)  # a backlog that is worked off must not answer last week's mail
MAX_REFERENCES = 20

# The ids of a foreign mail that may stand in one of ours: dot-atoms of RFC 5322, 3.6.4, and nothing else.
_THREAD_ID = re.compile(r"<[\w.!#$%&'*+/=?^`{|}~-]{1,200}@[\w.:\[\]-]{1,200}>", re.ASCII)


@dataclass(frozen=True, slots=True)
class News:
    """What somebody is told of. `cause`: what ids of notifications are derived from; `text`: what the author wrote.

    `foreign_words`: whether words that came by mail may stand in it, the subject and names among them.
    """

    cause: str
    event: DeskEvent
    item: ItemState
    author: Person
    at: datetime
    text: str = ""
    reason: Reason | None = None
    mail_id: str | None = None
    foreign_words: bool = True


def notifications(
    intent: Intent, settings: SettingsSnapshot, people: People, makes_person: bool, now: datetime
) -> tuple[NotificationRequested, ...]:
    """Who is told of it, each address once. `makes_person`: whether the author is made a person by this mail.

    Nobody is told of a mail that is more than an hour old.
    """
    if now - intent.mail.received > MAX_AGE:
        return ()
    events = [cast(DeskEvent, event_name(intent))]
    if makes_person:
        events.append("PersonCreated")
    return tuple(one for event in events for one in _of_event(event, intent, settings, people, now))


def _of_event(
    event: DeskEvent, intent: Intent, settings: SettingsSnapshot, people: People, now: datetime
) -> Iterator[NotificationRequested]:
    mail, item, person = intent.mail, intent.item, intent.person
    roles = settings.told(event, item.partition)
    reason, text = getattr(intent, "reason", None), mail.reply or mail.text
    if "author" in roles and _is_answered(intent):
        news = News(mail.mail_id, event, item, person, now, "", reason, mail.mail_id, intent.proof.sender)
        author = Recipient("author", mail.sender.address, person.name, person.email_format)
        yield told(news, author, settings, people, *_thread(intent))
    if roles == ("author",):
        return
    news = News(mail.mail_id, event, item, person, now, text, reason, mail.mail_id)
    for one in others(roles, item, person, mail.sender.address, people, settings, analysts_only=_for_analysts(intent)):
        yield told(news, one, settings, people)


def told(
    news: News,
    recipient: Recipient,
    settings: SettingsSnapshot,
    people: People,
    in_reply_to: str | None = None,
    references: tuple[str, ...] = (),
) -> NotificationRequested:
    """The notification of one recipient."""
    item, foreign = news.item, news.foreign_words
    return NotificationRequested(
        notification_id=ids.notification_id(news.cause, news.event, normalise(recipient.address)),
        recipient=recipient.address,
        recipient_name=recipient.name if foreign else "",
        recipient_format=recipient.format,
        role=recipient.role,
        partition=item.partition,
        event=news.event,
        data=template_variables(
            event=news.event,
            role=recipient.role,
            reference=reference(item.kind, item.number),
            kind=item.kind,
            subject=item.subject if foreign else "",
            partition=_partition_name(item.partition, settings),
            user=people.name(item.user) if foreign else "",
            logging_analyst=people.name(item.logging_analyst),
            group=item.assigned_group,
            priority=item.priority,
            person=people.name(news.author.id) if foreign else "",
            text=news.text,
            reason=news.reason,
        ),
        in_reply_to=in_reply_to,
        references=references,
        mail_id=news.mail_id,
        requested_at=news.at,
    )


def _is_answered(intent: Intent) -> bool:
    """RFC 3834: no machine is answered, and nobody whose name somebody else may have used.

    Nor is who has no part in the item: an answer would show its reference and a token of it.
    """
    mail = intent.mail
    takes_part = intent.proof.part or is_party(intent.person, intent.item)
    return takes_part and mail.answerable and is_trusted(mail) and is_address(mail.sender.address)


def _for_analysts(intent: Intent) -> bool:
    """Whether nobody else is told: where the sender has no part in the item, and of what programs send.

    Somebody may have given the address of an item to a foreign service, whose codes and links are for nobody here.
    """
    return not intent.proof.part or is_program(intent.mail.sender.address)


def _partition_name(partition_id: str, settings: SettingsSnapshot) -> str:
    """Empty on a desk without partitioning: its one partition has an id, and no name."""
    partition = settings.partition(partition_id)
    return (partition and partition.name) or ("" if partition_id == UNPARTITIONED else partition_id)


def _thread(intent: Intent) -> tuple[str | None, tuple[str, ...]]:
    """In-Reply-To and References of the answer (RFC 5322, 3.6.4)."""
    mail = intent.mail
    if mail.message_id is None or not _THREAD_ID.fullmatch(mail.message_id):
        return None, ()
    before = (one for one in mail.references or mail.in_reply_to[:1] if _THREAD_ID.fullmatch(one))
    return mail.message_id, (*before, mail.message_id)[-MAX_REFERENCES:]
