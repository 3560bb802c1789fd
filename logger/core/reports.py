"""What is news about our own notifications: their delivery reports, and attempts to send that failed. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from schemas.addresses import normalise
from schemas.events import NotificationResult
from schemas.reasons import Reason
from schemas.undelivered import Trouble, trouble_of

_ADDRESS_REFUSED = re.compile(r"55[013]\b")
MAX_WORDS = 320  # characters of what a report quotes: as long as an address may be


class Entry(NamedTuple):
    """`kind` of the journal entry, and what it says happened to the notification."""

    kind: str
    words: str


# What is journalled, by outcome and reason. A read receipt is no news for anybody.
ENTRIES: Mapping[tuple[str, Reason | None], Entry] = {
    ("bounced", Reason.BOUNCE): Entry("notification-bounced", "could not be delivered"),
    ("bounced", Reason.COMPLAINT): Entry("notification-bounced", "was reported as unwanted"),
    ("deferred", Reason.BOUNCE): Entry("notification-delayed", "has not been delivered yet; it is tried again"),
}
# Why a notification could not be delivered.
_WHY: Mapping[Trouble, str] = {
    Trouble.ADDRESS: ": the address takes no mail",
    Trouble.MAILBOX: ": the mailbox takes no more mail for now",
    Trouble.POLICY: ": the recipient's server does not accept it from ours",
    Trouble.MESSAGE: ": the recipient's server does not accept a mail like this",
    Trouble.OUTAGE: ": the recipient's server did not take it in time",
    Trouble.UNKNOWN: "",
}


class ItemOfNotification(NamedTuple):
    """`user`: id of the item's User."""

    number: int
    user: str


class Report(NamedTuple):
    """`address` is normalised, and empty where the delivery ledger has no such recipient of the notification: all that
    a report says of others counts as one piece of news, however many it names. `key` is the key of this news,
    `known_by`: the keys that make it none.
    """

    result: NotificationResult
    item: ItemOfNotification
    address: str
    key: str
    known_by: tuple[str, ...]

    @property
    def outcome(self) -> str:
        return "notification-failed" if self.result.outcome == "failed" else self.entry.kind

    @property
    def entry(self) -> Entry:
        return ENTRIES[self.result.outcome, self.result.reason]


def is_renamed(result: NotificationResult) -> bool:
    """Whether the message was sent under another Message-ID than ours."""
    return result.outcome == "sent" and bool(result.sent_message_id)


def is_hard(result: NotificationResult) -> bool:
    """Whether it says that the address takes no mail: by a report, or by our own server's 550, 551 or 553 where its
    words give no other reason."""
    trouble = _trouble(result)
    if result.outcome == "bounced":
        return result.reason is Reason.BOUNCE and trouble is Trouble.ADDRESS
    if result.outcome != "failed" or result.reason is not Reason.RECIPIENT_REFUSED:
        return False
    unexplained = trouble is Trouble.UNKNOWN and _ADDRESS_REFUSED.match(result.smtp_reply) is not None
    return trouble is Trouble.ADDRESS or unexplained


def report_of(result: NotificationResult, item: ItemOfNotification, sent: Collection[tuple[str, str]]) -> Report:
    """`sent`: notification ids and normalised recipients that the delivery ledger has."""
    named = normalise(result.recipient)
    address = named if (result.notification_id, named) in sent else ""
    if result.outcome == "failed":  # outbound's own; its mail id is that of the message that caused the notification
        key = f"failed/{result.notification_id}/{named}"
        return Report(result, item, address, key, (key,))
    key = _key(result, result.outcome, address)
    # Older loggers' key was `report/<mail id>`. A notification that could not be delivered is not late any more.
    return Report(result, item, address, key, (key, f"report/{result.mail_id}", _key(result, "bounced", address)))


def news_of(reports: Iterable[Report], handled: Iterable[str]) -> list[Report]:
    """Each piece of news once, however often and by whom it is reported. `handled`: keys that the desk has."""
    known = set(handled)
    news = []
    for report in reports:
        if known.isdisjoint(report.known_by):
            news.append(report)
            known.add(report.key)
    return news


def journal_rows(news: Iterable[Report], now: datetime) -> Iterator[tuple[Any, ...]]:
    """Each entry names the item's User: nobody performed an action. What failed at once, the delivery ledger shows."""
    for report in news:
        result, item = report.result, report.item
        if result.outcome != "failed":
            yield item.number, now, report.entry.kind, item.user, result.mail_id, result.reason, _text(report)


def suppressed_rows(suppressed: Sequence[Report], now: datetime) -> Iterator[tuple[Any, ...]]:
    """Entries about the addresses that these reports suppress."""
    for report in suppressed:
        result, item = report.result, report.item
        text = f"Messages to {result.recipient} bounced too often: nothing more is sent there ({result.smtp_reply})."
        yield item.number, now, "address-marked", item.user, result.mail_id, Reason.ADDRESS_MARKED, text


def _key(result: NotificationResult, outcome: str, address: str) -> str:
    return f"report/{result.notification_id}/{outcome}/{result.reason}/{address}"


def _trouble(result: NotificationResult) -> Trouble:
    return result.trouble or trouble_of(result.smtp_reply)


def _text(report: Report) -> str:
    result = report.result
    undelivered = result.outcome == "bounced" and result.reason is Reason.BOUNCE
    why = _WHY[_trouble(result)] if undelivered else ""
    status = f" (status {result.smtp_reply[:MAX_WORDS]})" if result.smtp_reply else ""
    return f"The notification to {result.recipient[:MAX_WORDS] or 'a recipient'} {report.entry.words}{why}{status}."
