"""What is stored of intents: tuples for `desk.bulk.BulkInsert`, in the order of the columns given here. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from desk.ledger import MailOutcome
from logger.call_fields import CallFields
from logger.decide import CloseItem, Intent, LogCall, Refuse, ReopenItem, UpdateItem
from logger.find_item import fit_message_id
from logger.floods import Flood
from logger.plan import Duplicate
from logger.state import ItemState
from schemas.addresses import normalise
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.settings import CallTemplate

Row = tuple[Any, ...]

OUTCOMES: Mapping[type[Intent | Duplicate], MailOutcome] = {
    LogCall: "call-logged",
    UpdateItem: "item-updated",
    CloseItem: "item-closed",
    ReopenItem: "item-reopened",
    Refuse: "action-refused",
    Duplicate: "duplicate",
}

ITEM = (
    *("id", "kind", "partition", "status", "subject", "description", "user_id", "logging_analyst", "call_template"),
    *("screen_set", "ipk_status", "ipk_stream", "assigned_office", "assigned_group", "call_type", "impact", "urgency"),
    *("priority", "fields", "settings_versions", "linked_to", "opened_at", "version"),
)
JOURNAL = ("item_id", "at", "kind", "person_id", "mail_id", "reason", "text", "reply", "html")
FILE = ("mail_id", "position", "item_id", "name", "content_type", "size", "sha256", "blob", "inline")
MAIL = (
    *("mail_id", "server_id", "outcome", "item_id", "message_id", "received", "logged_at", "size", "sha256"),
    *("person_id", "content_id"),
)
REJECTED = ("mail_id", "server_id", "reason", "rejected_at")
MESSAGE_ID = ("message_id", "item_id")
PERSON = (*("id", "first_name", "last_name", "is_user", "is_analyst", "email_format", "office", "disabled", "version"),)
ADDRESS = ("person_id", "position", "address", "normalised")


def item_rows(intents: Iterable[Intent], now: datetime) -> Iterator[Row]:
    for one in intents:
        if isinstance(one, LogCall):
            yield item_row(one.item, one.template, one.content, one.settings_versions, one.linked_to, now)


def item_row(
    item: ItemState,
    template: CallTemplate,
    content: CallFields,
    versions: Mapping[str, int],
    linked_to: int | None,
    now: datetime,
) -> Row:
    """A new item."""
    return (
        *(item.number, item.kind, item.partition, "open", content.subject, content.description, item.user),
        *(item.logging_analyst, template.id, template.screen_set, template.ipk_status, template.ipk_stream),
        *(template.assigned_office, template.assigned_group, template.call_type, template.impact, template.urgency),
        *(item.priority, content.fields, versions, linked_to, now, 1),
    )


def journal_rows(intents: Iterable[Intent], now: datetime) -> Iterator[Row]:
    """The text of a mail that logs a call stands in the call's description, and is not kept twice."""
    for intent in intents:
        mail = intent.mail
        described = isinstance(intent, LogCall) and intent.content.description == mail.text
        yield (
            intent.item.number,
            now,
            OUTCOMES[type(intent)],
            intent.person.id,
            mail.mail_id,
            _reason(intent),
            None if described else mail.text,
            None if mail.reply == mail.text else mail.reply,
            mail.html,
        )


def _reason(intent: Intent) -> Reason | None:
    """Why what a mail asked for was not done, else why Analysts alone are shown it."""
    if isinstance(intent, Refuse):
        return intent.reason
    return None if intent.proof.part else Reason.NO_PART_PROVED


def file_rows(intents: Iterable[Intent]) -> Iterator[Row]:
    for intent in intents:
        for position, file in enumerate(intent.mail.files):
            yield (
                *(intent.mail.mail_id, position, intent.item.number, file.name, file.content_type, file.size),
                *(file.sha256, file.blob, file.inline),
            )


def mail_rows(intents: Iterable[Intent | Duplicate], now: datetime) -> Iterator[Row]:
    """A content id stands in one row alone: that of the mail which had the effect."""
    for intent in intents:
        mail = intent.mail
        content_id = None if isinstance(intent, Duplicate) else mail.content_id or None
        yield (
            *(mail.mail_id, mail.server_id, OUTCOMES[type(intent)], intent.item.number),
            *(fit_message_id(mail.message_id), mail.received, now, mail.size, mail.sha256),
            *(intent.person.id, content_id),
        )


def rejected_rows(floods: Iterable[Flood], now: datetime) -> Iterator[Row]:
    for one in floods:
        yield (one.mail.mail_id, one.mail.server_id, Reason.FLOOD, now)


def message_id_rows(hints: Mapping[str, int]) -> list[Row]:
    """Sorted, so that two loggers with the same ids wait for one another and do not lock each other up."""
    return sorted(hints.items())


def person_rows(persons: Iterable[Person]) -> Iterator[Row]:
    for one in persons:
        yield (
            *(one.id, one.first_name, one.last_name, one.is_user, one.is_analyst, one.email_format, one.office),
            *(one.disabled, one.version),
        )


def address_rows(persons: Iterable[Person]) -> Iterator[Row]:
    for one in persons:
        for position, address in enumerate(one.addresses):
            yield (one.id, position, address, normalise(address))
