"""How often a sender is answered by the desk itself: so that two machines never go on answering each other. Pure.

RFC 3834, section 2: "it is desirable to limit the number of automatic responses".
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from schemas.addresses import normalise, without_tag
from schemas.events import NotificationRequested
from schemas.notification_rules import AutoReplyLimits
from schemas.reasons import Reason
from schemas.snapshot import SettingsSnapshot

HOUR = timedelta(hours=1)
TEN_MINUTES = timedelta(minutes=10)
FEWEST_UNPROVED = 60  # an hour; a small desk has new senders, too

# That a mail has arrived is said once for each item. What the sender asked for, and was done or not, is news: it is
# said once for each such event.
ACKNOWLEDGED = "acknowledged"
_ACKNOWLEDGEMENTS = frozenset(f"{kind}{what}" for kind in ("Call", "Task", "Request") for what in ("Logged", "Updated"))


@dataclass(frozen=True, slots=True)
class Answer:
    """An automatic answer about an item. `address`: the sender's, as it is counted; `event`: of what it tells.

    `proved`: that the sender is.
    """

    address: str
    item: int
    event: str
    notification_id: str
    proved: bool = True


@dataclass(slots=True)
class Answered:
    """What has been answered: about each item, to each sender within an hour, to all within ten minutes and an hour.

    `persons`: how many somebody entered, as far as that matters: whoever writes for the first time becomes one, too.
    """

    about: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    within_hour: Counter[str] = field(default_factory=Counter)
    in_ten_minutes: int = 0
    in_hour: int = 0
    persons: int = 0

    def why_not(self, answer: Answer, limits: AutoReplyLimits) -> Reason | None:
        """Why the answer is withheld; None where it may be sent."""
        obstacles = (
            (limits.all_in_ten_minutes, self.in_ten_minutes, Reason.ANSWERS_STOPPED),
            (0 if answer.proved else self._unproved(limits), self.in_hour, Reason.ANSWERS_STOPPED),
            (limits.per_sender_and_item, self.about[_subject(answer)], Reason.ANSWERED_ALREADY),
            (limits.per_sender_and_hour, self.within_hour[answer.address], Reason.TOO_MANY_ANSWERS),
        )
        return next((reason for limit, count, reason in obstacles if limit and count >= limit), None)

    def _unproved(self, limits: AutoReplyLimits) -> int:
        limit = limits.unproved_in_hour
        return max(FEWEST_UNPROVED, self.persons) if limit is None else limit

    def remember(self, answer: Answer) -> None:
        self.in_hour += 1
        self.about[_subject(answer)] += 1
        self.within_hour[answer.address] += 1
        self.in_ten_minutes += 1


@dataclass(frozen=True, slots=True)
class Limited:
    """`told`: what is left of the notifications, by mail id; `answers`: those of them that count; why others do not."""

    told: Mapping[str, Sequence[NotificationRequested]]
    answers: Sequence[Answer]
    withheld: Mapping[Reason, int]


def unlimited(limits: AutoReplyLimits) -> bool:
    """Whether nothing has to be counted."""
    return all(limit == 0 for _, limit in limits)


def answers_in(
    told: Mapping[str, Sequence[NotificationRequested]],
    items: Mapping[str, int],
    proved: Collection[str],
    settings: SettingsSnapshot,
) -> dict[str, Answer]:
    """By notification id, those that answer a mail's author. `told` and `items` (numbers) by mail id.

    `proved`: ids of the mails whose senders are.
    """
    plus_tags = settings.email_options().plus_tags
    return {
        id_: Answer(_counted(one.recipient, plus_tags), items[mail_id], _event(one), id_, mail_id in proved)
        for mail_id, notifications in told.items()
        for id_, one in ((one.notification_id, one) for one in notifications)
        if one.role == "author"
    }


def limit(
    told: Mapping[str, Sequence[NotificationRequested]],
    answers: Mapping[str, Answer],
    before: Answered,
    limits: AutoReplyLimits,
) -> Limited:
    """What may be sent, in the order of the mails. Changes `before` as it goes."""
    kept: list[Answer] = []
    withheld: Counter[Reason] = Counter()

    def may_be_sent(one: NotificationRequested) -> bool:
        answer = answers.get(one.notification_id)
        if answer is None:
            return True
        reason = before.why_not(answer, limits)
        if reason is not None:
            withheld[reason] += 1
            return False
        before.remember(answer)
        kept.append(answer)
        return True

    left = {mail_id: tuple(filter(may_be_sent, notifications)) for mail_id, notifications in told.items()}
    return Limited(left, kept, withheld)


def addresses(answers: Iterable[Answer]) -> list[str]:
    """Of those who would be answered, each once."""
    return sorted({answer.address for answer in answers})


def _subject(answer: Answer) -> tuple[str, int, str]:
    return answer.address, answer.item, answer.event


def _event(notification: NotificationRequested) -> str:
    return ACKNOWLEDGED if notification.event in _ACKNOWLEDGEMENTS else notification.event


def _counted(address: str, plus_tags: bool) -> str:
    normalised = normalise(address)
    return without_tag(normalised) if plus_tags else normalised
