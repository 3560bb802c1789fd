"""Words and colours for what happens to mails, as pages show them."""

from collections.abc import Mapping
from typing import Any

from console.web.foreign import foreign, visible
from console.web.labels import event_words
from schemas.explanations import EXPLANATIONS, Explanation
from schemas.reasons import Reason

# By end or outcome: what it is called, and the tone of its badge.
OUTCOMES: Mapping[str, tuple[str, str]] = {
    "call-logged": ("Call logged", "good"),
    "item-updated": ("Item updated", "good"),
    "item-closed": ("Item closed", "good"),
    "item-reopened": ("Item reopened", "good"),
    "action-refused": ("Action refused", "warn"),
    "duplicate": ("Duplicate", "off"),
    "rejected": ("Rejected", "off"),
    "quarantined": ("In quarantine", "warn"),
    "discarded": ("Discarded", "off"),
    "notification-result": ("Report on a notification", "off"),
    "dead-lettered": ("Dead letter", "bad"),
    "on-the-way": ("On the way", "busy"),
    "fetched": ("Fetched", "good"),
    "fetched-again": ("Sent on", "good"),
    "read": ("Read", "good"),
    "a person's": ("A person wrote it", "good"),
    "resolved": ("Resolved", "good"),
    "log-or-update": ("To log or update", "good"),
    "close": ("To close", "good"),
    "released": ("Released", "good"),
    "asked for": ("Asked for", "good"),
    "sent": ("Sent", "good"),
    "deferred": ("Deferred", "warn"),
    "failed": ("Failed", "bad"),
    "bounced": ("Bounced", "bad"),
    "open": ("Open", "bad"),
    "replayed": ("Replayed", "good"),
    "watchers-changed": ("Watchers changed", "off"),
}

_OF_EVENTS = ("Event", "Event and recipient")
_PROOF = "Proof of sender"
# Outcome of a step of an explanation -> how it is called, where its own word is one of ours.
_STEP_OUTCOMES: Mapping[str, str] = {
    "ok": "whole",
    "person": "a person wrote it",
    "notification-result": "a report on a notification",
    "not-checked": "not checked",
    "log-or-update": "to log or update",
    "close": "to close",
    "unknown": "not known",
    "analyst-only": "Analyst only",
    "user-only": "User",
    "analyst-and-user": "Analyst and User",
}


def step_outcome(outcome: str) -> str:
    """Of a step of an explanation; the sender's holds the address after the word: `user-only: ann@example.com`."""
    word, colon, rest = outcome.partition(": ")
    return f"{_STEP_OUTCOMES.get(word, word)}{colon}{rest}"


def outcome_name(outcome: str) -> str:
    return OUTCOMES.get(outcome, (outcome, "off"))[0]


def detail_words(name: str, value: str) -> str:
    """A detail of a mail's way; where it is, or begins with, a word of the program, with that in words."""
    if name == _PROOF:
        return step_outcome(value)
    if name not in _OF_EVENTS:
        return value
    event, blank, rest = value.partition(" ")
    return f"{event_words(event)}{blank}{rest}"


def outcome_tone(outcome: str) -> str:
    return OUTCOMES.get(outcome, (outcome, "off"))[1]


def explained(reason: str | None) -> Explanation | None:
    """What a reason means and what to do about it; None where it is none of ours."""
    try:
        return EXPLANATIONS[Reason(reason or "")]
    except ValueError:
        return None


def duration(seconds: float) -> str:
    """Time as people say it: `40 ms`, `1.5 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, left = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {left} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def bytes_named(size: int | None) -> str:
    if size is None:
        return "not known"
    if size < 1_000:
        return f"{size} bytes"
    return f"{size / 1_000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


SHOWN: dict[str, Any] = {
    "foreign": foreign,
    "visible": visible,
    "outcome_name": outcome_name,
    "outcome_tone": outcome_tone,
    "detail_words": detail_words,
    "explained": explained,
    "duration": duration,
    "bytes_named": bytes_named,
    "step_outcome": step_outcome,
}
