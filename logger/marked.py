"""What is not sent because mails to its address came back too often, and which addresses live again."""

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Connection

from desk.bounced_addresses import bounced, forget
from schemas.addresses import normalise
from schemas.events import NotificationRequested
from schemas.snapshot import SettingsSnapshot

Cause = TypeVar("Cause", bound=Hashable)  # what the notifications are of: a mail's or a request's id


@dataclass(frozen=True, slots=True)
class Sendable(Generic[Cause]):
    """`told`: the notifications that can be sent. `untold`: those that cannot, each with its cause."""

    told: Mapping[Cause, Sequence[NotificationRequested]]
    untold: Sequence[tuple[Cause, NotificationRequested]] = ()


def without_marked(
    connection: Connection,
    told: Mapping[Cause, Sequence[NotificationRequested]],
    settings: SettingsSnapshot,
    alive: Collection[str] = (),
) -> Sendable[Cause]:
    """`alive`: normalised addresses that a mail has come from, which takes the mark off."""
    if not settings.email_options().bounces_until_marked:
        return Sendable(told)
    recipients = {normalise(one.recipient) for notifications in told.values() for one in notifications}
    found = bounced(connection, recipients.union(alive))
    forget(connection, found.keys() & set(alive))
    marked = {address for address, one in found.items() if one.marked_at is not None and address not in alive}
    if not marked:
        return Sendable(told)
    return Sendable(
        {cause: [one for one in many if normalise(one.recipient) not in marked] for cause, many in told.items()},
        tuple(_untold(told, marked)),
    )


def _untold(
    told: Mapping[Cause, Sequence[NotificationRequested]], marked: Collection[str]
) -> Iterator[tuple[Cause, NotificationRequested]]:
    for cause, notifications in told.items():
        yield from ((cause, one) for one in notifications if normalise(one.recipient) in marked)


def entry_text(notification: NotificationRequested) -> str:
    """What the item's journal says of it."""
    return f"Nothing was sent to {notification.recipient}: mails to this address came back too often."
