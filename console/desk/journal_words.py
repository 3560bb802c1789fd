"""How entries of a journal are called on a page, and what their reasons mean. Pure."""

from collections.abc import Mapping

from desk.item_detail import JournalEntry
from schemas.explanations import EXPLANATIONS
from schemas.reasons import Reason

_WORDS: Mapping[str, str] = {
    "call-logged": "Call logged",
    "task-logged": "Task created",
    "request-logged": "Request created",
    "item-updated": "Updated",
    "item-closed": "Closed",
    "item-reopened": "Reopened",
    "item-watched": "Watched",
    "item-unwatched": "Not watched any more",
    "action-refused": "Refused",
    "not-told": "Not notified",
    "address-marked": "Address marked: nothing more is sent there",
    "notification-sent": "Notification sent",
    "notification-deferred": "Notification deferred",
    "notification-delayed": "Notification delayed",
    "notification-failed": "Notification failed",
    "notification-bounced": "Notification bounced",
}
_TONES: Mapping[str, str] = {
    "item-closed": "off",
    "action-refused": "bad",
    "not-told": "warn",
    "address-marked": "bad",
    "notification-sent": "good",
    "notification-deferred": "warn",
    "notification-delayed": "warn",
    "notification-failed": "bad",
    "notification-bounced": "bad",
}
# The kinds of entries that name whom they were for; all others name who did it.
_FOR = ("notification-", "not-told", "address-marked")


def kind_words(kind: str) -> str:
    return _WORDS.get(kind) or kind.replace("-", " ").capitalize()


def tone(kind: str) -> str:
    """Of its badge."""
    return _TONES.get(kind, "busy")


def is_for(entry: JournalEntry) -> bool:
    """Whether it names whom it was for."""
    return entry.kind.startswith(_FOR)


def is_internal(entry: JournalEntry) -> bool:
    """Whether its sender is not proved to have a part in the item, so that Analysts alone are told of it."""
    return entry.reason == Reason.NO_PART_PROVED


def explained(reason: str | None) -> str:
    """A reason in a sentence; as it stands where it is none of ours."""
    if reason not in set(Reason):
        return reason or ""
    why = EXPLANATIONS[Reason(reason)]
    return f"{why.meaning} {why.remedy}".strip()
