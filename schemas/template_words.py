"""The variables of message templates for the desk's own events, and the value of each."""

from collections.abc import Mapping

from schemas.explanations import EXPLANATIONS
from schemas.reasons import Reason

# `recipient_name` is added by whoever fills the template: it differs from recipient to recipient.
WORDS: Mapping[str, str] = {
    "recipient_name": "name of the person who reads the mail",
    "event": "what happened, such as CallLogged",
    "role": "as what the reader is told: author, user, logging-analyst, assigned-group or watchers",
    "reference": "the item's reference, such as C-000123",
    "kind": "call, task or request",
    "subject": "the item's subject",
    "partition": "name of the partition; empty on a desk without partitioning",
    "user": "name of the item's User",
    "logging_analyst": "name of its Logging Analyst",
    "group": "the group that it is assigned to",
    "priority": "its Priority",
    "person": "name of the person who performed the action",
    "text": "what that person wrote; empty for the author",
    "reason": "for ActionRefused: why it was not done",
    "remedy": "for ActionRefused: what can be done instead",
}
MAX_TEXT = 20_000  # characters of what somebody wrote
_MORE = "\n[...]\n"


def template_variables(
    *,
    event: str,
    role: str,
    reference: str,
    kind: str,
    subject: str,
    partition: str,
    user: str,
    logging_analyst: str,
    group: str,
    priority: str,
    person: str,
    text: str = "",
    reason: Reason | None = None,
) -> dict[str, str]:
    """What fills a template, by the names of `WORDS` but `recipient_name`."""
    return {
        "event": event,
        "role": role,
        "reference": reference,
        "kind": kind,
        "subject": subject,
        "partition": partition,
        "user": user,
        "logging_analyst": logging_analyst,
        "group": group,
        "priority": priority,
        "person": person,
        "text": text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + _MORE,
        "reason": EXPLANATIONS[reason].meaning if reason else "",
        "remedy": EXPLANATIONS[reason].remedy if reason else "",
    }
