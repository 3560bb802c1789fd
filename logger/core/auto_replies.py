"""How often a sender gets auto-replies: so that two machines never go on answering each other. Pure.

RFC 3834, section 2: "it is desirable to limit the number of automatic responses".
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from schemas.addresses import normalise, without_tag
from schemas.events import NotificationRequested
from schemas.reasons import Reason
from schemas.settings.notification_rules import AutoReplyLimits
from schemas.snapshot import SettingsSnapshot

HOUR = timedelta(hours=1)
TEN_MINUTES = timedelta(minutes=10)
FEWEST_UNAUTHENTICATED = 60  # an hour; a small desk has new senders, too

# That a message has arrived is said once per item. What the sender asked for, and was done or not, is news: it is said
# once per such event.
ACKNOWLEDGED = "acknowledged"
_ACKNOWLEDGEMENTS = frozenset(f"{kind}{what}" for kind in ("Call", "Task", "Request") for what in ("Logged", "Updated"))


class AutoReply(NamedTuple):
    """About an item. `address`: the sender's, as it is counted; `event`: what it is about.

    `authenticated`: that the sender is authenticated.
    """

    address: str
    item: int
    event: str
    notification_id: str
    authenticated: bool = True


@dataclass(slots=True)
class AutoReplyCounts:
    """Auto-replies so far: about each item, to each sender within an hour, to all within ten minutes and an hour.

    `persons`: how many were entered by somebody, as far as that matters: a sender who writes for the first time becomes
    a person, too.
    """

    about: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    within_hour: Counter[str] = field(default_factory=Counter)
    in_ten_minutes: int = 0
    in_hour: int = 0
    persons: int = 0

    def why_not(self, reply: AutoReply, limits: AutoReplyLimits) -> Reason | None:
        """Why the auto-reply is withheld; None where it may be sent."""
        obstacles = (
            (limits.all_in_ten_minutes, self.in_ten_minutes, Reason.ANSWERS_STOPPED),
            (0 if reply.authenticated else self._unauthenticated(limits), self.in_hour, Reason.ANSWERS_STOPPED),
            (limits.per_sender_and_item, self.about[_subject(reply)], Reason.ANSWERED_ALREADY),
            (limits.per_sender_and_hour, self.within_hour[reply.address], Reason.TOO_MANY_ANSWERS),
        )
        return next((reason for limit, count, reason in obstacles if limit and count >= limit), None)

    def _unauthenticated(self, limits: AutoReplyLimits) -> int:
        limit = limits.unproved_in_hour
        return max(FEWEST_UNAUTHENTICATED, self.persons) if limit is None else limit

    def remember(self, reply: AutoReply) -> None:
        self.in_hour += 1
        self.about[_subject(reply)] += 1
        self.within_hour[reply.address] += 1
        self.in_ten_minutes += 1


@dataclass(frozen=True, slots=True)
class AllowedAutoReplies:
    """`notifications`: those left, by causation id; `auto_replies`: those that count; why others are withheld."""

    notifications: Mapping[str, Sequence[NotificationRequested]]
    auto_replies: Sequence[AutoReply] = ()
    withheld: Mapping[Reason, int] = field(default_factory=dict)


def auto_replies_of(
    notifications: Mapping[str, Sequence[NotificationRequested]],
    items: Mapping[str, int],
    authenticated: Collection[str],
    settings: SettingsSnapshot,
) -> dict[str, AutoReply]:
    """By notification id, those that answer a message's author. Empty where nothing has to be counted.

    `notifications` and `items` (numbers) by causation id. `authenticated`: of commands whose senders are authenticated.
    """
    options = settings.email_options()
    if all(limit == 0 for _, limit in options.answers):
        return {}
    return {
        notification.notification_id: AutoReply(
            _counted(notification.recipient, options.plus_tags),
            items[causation_id],
            ACKNOWLEDGED if notification.event in _ACKNOWLEDGEMENTS else notification.event,
            notification.notification_id,
            causation_id in authenticated,
        )
        for causation_id, many in notifications.items()
        for notification in many
        if notification.role == "author"
    }


def limit(
    notifications: Mapping[str, Sequence[NotificationRequested]],
    auto_replies: Mapping[str, AutoReply],
    before: AutoReplyCounts,
    limits: AutoReplyLimits,
) -> AllowedAutoReplies:
    """What may be sent, in the order of the commands. Changes `before` as it goes."""
    allowed: list[AutoReply] = []
    withheld: Counter[Reason] = Counter()

    def may_be_sent(one: NotificationRequested) -> bool:
        reply = auto_replies.get(one.notification_id)
        if reply is None:
            return True
        reason = before.why_not(reply, limits)
        if reason is not None:
            withheld[reason] += 1
            return False
        before.remember(reply)
        allowed.append(reply)
        return True

    left = {causation_id: tuple(filter(may_be_sent, many)) for causation_id, many in notifications.items()}
    return AllowedAutoReplies(left, allowed, withheld)


def _subject(reply: AutoReply) -> tuple[str, int, str]:
    return reply.address, reply.item, reply.event


def _counted(address: str, plus_tags: bool) -> str:
    normalised = normalise(address)
    return without_tag(normalised) if plus_tags else normalised
