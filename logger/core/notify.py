"""Who is notified of a decision: the author by one auto-reply, all others by a notification each. Pure."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple, cast

from desk.item_references import reference
from logger.core.commands import ChangeWatchers, Decision, MailCommand, RefuseCommand, SystemCommand
from logger.core.events import event_name
from logger.core.persons import is_address
from logger.core.recipients import People, Recipient, other_recipients
from logger.core.state import ItemState, is_party
from schemas import ids
from schemas.addresses import is_program, normalise
from schemas.events import NotificationRequested
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.resolved_mail import ResolvedMail
from schemas.settings import UNPARTITIONED
from schemas.settings.notification_rules import DeskEvent
from schemas.snapshot import SettingsSnapshot
from schemas.template_words import template_variables

MAX_AGE = timedelta(hours=1)  # a backlog that is worked off must not answer last week's mail
MAX_REFERENCES = 20

# Message-IDs of others that may be named in a message of ours: dot-atoms of RFC 5322, 3.6.4, and nothing else.
_THREAD_ID = re.compile(r"<[\w.!#$%&'*+/=?^`{|}~-]{1,200}@[\w.:\[\]-]{1,200}>", re.ASCII)


class NotificationContext(NamedTuple):
    """What a notification says. `causation_id`: what its id is derived from; `text`: what the author wrote.

    `foreign_words`: whether it may repeat words that came by mail, the subject and names among them.
    """

    causation_id: str
    event: DeskEvent
    item: ItemState
    author: Person
    at: datetime
    text: str = ""
    reason: Reason | None = None
    mail_id: str | None = None
    foreign_words: bool = True


def notifications(
    decision: Decision, settings: SettingsSnapshot, people: People, creates_person: bool, now: datetime
) -> tuple[NotificationRequested, ...]:
    """Each address is notified once. `creates_person`: whether the command creates the item's new User or author.

    Nobody is notified of a command that is more than an hour old.
    """
    command = decision.command
    if isinstance(command, MailCommand):
        if now - command.mail.received > MAX_AGE:
            return ()
    elif now - command.desk_command.requested_at > MAX_AGE or not _is_notified(decision, command):
        return ()
    events = [cast(DeskEvent, event_name(decision))]
    if creates_person:
        events.append("PersonCreated")
    if isinstance(command, MailCommand):
        return tuple(
            notification
            for event in events
            for notification in _of_mail(event, decision, command, settings, people, now)
        )
    return tuple(
        notification
        for event in events
        for notification in _of_command(event, decision, command, settings, people, now)
    )


def _is_notified(decision: Decision, command: SystemCommand) -> bool:
    """Of a refused command nobody is: its recipients did not ask for it, and the event says it."""
    return command.desk_command.notify and not isinstance(decision, RefuseCommand | ChangeWatchers)


def _of_mail(
    event: DeskEvent,
    decision: Decision,
    command: MailCommand,
    settings: SettingsSnapshot,
    people: People,
    now: datetime,
) -> Iterator[NotificationRequested]:
    mail, item, person, proof = command.mail, decision.item, decision.person, decision.proof
    roles, address = settings.notified_roles(event, item.partition), mail.sender.address
    reason = decision.reason if isinstance(decision, RefuseCommand) else None
    if "author" in roles and _gets_auto_reply(decision, command):
        context = NotificationContext(mail.mail_id, event, item, person, now, "", reason, mail.mail_id, proof.sender)
        author = Recipient("author", address, person.name, person.email_format)
        yield notification_for(context, author, settings, people, *_thread(mail))
    if roles == ("author",):
        return
    # Where the sender has no part in the item, and of a message from a program, only Analysts are notified: somebody
    # may have given the address of an item to a foreign service, whose codes and links are for nobody here.
    analysts_only = not proof.part or is_program(address)
    others = other_recipients(roles, item, person, address, people, settings, analysts_only=analysts_only)
    if others:
        text = mail.reply or mail.text
        context = NotificationContext(mail.mail_id, event, item, person, now, text, reason, mail.mail_id)
        for recipient in others:
            yield notification_for(context, recipient, settings, people)


def _of_command(
    event: DeskEvent,
    decision: Decision,
    command: SystemCommand,
    settings: SettingsSnapshot,
    people: People,
    now: datetime,
) -> Iterator[NotificationRequested]:
    """Everybody but the person on whose behalf the system asked for it."""
    item, person, text = decision.item, decision.person, getattr(command.desk_command, "text", "")
    roles = settings.notified_roles(event, item.partition)
    context = NotificationContext(command.causation_id, event, item, person, now, text)
    for recipient in other_recipients(roles, item, person, "", people, settings):
        yield notification_for(context, recipient, settings, people)


def notification_for(
    context: NotificationContext,
    recipient: Recipient,
    settings: SettingsSnapshot,
    people: People,
    in_reply_to: str | None = None,
    references: tuple[str, ...] = (),
) -> NotificationRequested:
    """The notification of one recipient."""
    item, foreign = context.item, context.foreign_words
    return NotificationRequested(
        notification_id=ids.notification_id(context.causation_id, context.event, normalise(recipient.address)),
        recipient=recipient.address,
        recipient_name=recipient.name if foreign else "",
        recipient_format=recipient.format,
        role=recipient.role,
        partition=item.partition,
        event=context.event,
        data=template_variables(
            event=context.event,
            role=recipient.role,
            reference=reference(item.kind, item.number),
            kind=item.kind,
            subject=item.subject if foreign else "",
            partition=_partition_name(item.partition, settings),
            user=_name(item.user, people) if foreign else "",
            logging_analyst=_name(item.logging_analyst, people),
            group=item.assigned_group,
            priority=item.priority,
            person=_name(context.author.id, people) if foreign else "",
            text=context.text,
            reason=context.reason,
        ),
        in_reply_to=in_reply_to,
        references=references,
        mail_id=context.mail_id,
        requested_at=context.at,
    )


def _gets_auto_reply(decision: Decision, command: MailCommand) -> bool:
    """RFC 3834: software gets none, and nor does anybody whose name somebody else may have used.

    Nor does a sender who has no part in the item: an auto-reply would show its reference and a token of it.
    """
    mail = command.mail
    takes_part = decision.proof.part or is_party(decision.person, decision.item)
    return takes_part and mail.answerable and command.trusted and is_address(mail.sender.address)


def _name(person_id: str, people: People) -> str:
    """What to call a person; the id of one who has no name, or is not known."""
    person = people.by_id.get(person_id)
    return (person and person.name) or person_id


def _partition_name(partition_id: str, settings: SettingsSnapshot) -> str:
    """Empty on a desk without partitioning: its one partition has an id, and no name."""
    partition = settings.partition(partition_id)
    return (partition and partition.name) or ("" if partition_id == UNPARTITIONED else partition_id)


def _thread(mail: ResolvedMail) -> tuple[str | None, tuple[str, ...]]:
    """In-Reply-To and References of the auto-reply (RFC 5322, 3.6.4)."""
    if mail.message_id is None or not _THREAD_ID.fullmatch(mail.message_id):
        return None, ()
    before = (message_id for message_id in mail.references or mail.in_reply_to[:1] if _THREAD_ID.fullmatch(message_id))
    return mail.message_id, (*before, mail.message_id)[-MAX_REFERENCES:]
