"""What was decided about a mail, then and now, flat, so that both can be compared field by field. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from console.mails.expected_action import expected_priority
from runtime.processing.outcomes import Dead, FinalOutcome
from schemas.events import NotificationResult
from schemas.reasons import Reason
from schemas.resolved_mail import RejectedMail, ResolvedMail, Sender
from schemas.snapshot import SettingsSnapshot
from schemas.topics import MAIL_RESOLVED

# Field -> value. `verdict` and `reason` are always there, the others in the order of the way of a mail.
Decision = Mapping[str, str]

PERSON = "person"
# The verdicts of mails that have become no call because no person seemed to have written them.
MACHINES = frozenset(("rejected", "notification-result"))


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one mail that would be decided otherwise today."""

    mail_id: str
    field: str
    then: str
    now: str


def decision(value: ResolvedMail | RejectedMail | NotificationResult, priority: str | None = None) -> Decision:
    """Of the record that the resolver wrote. `priority`: of the call that a person's mail logs, where that is known."""
    if isinstance(value, RejectedMail):
        return _of("rejected", value.reason)
    if isinstance(value, NotificationResult):
        return _of("notification-result", value.reason)
    sender = value.sender
    return {
        **_of(PERSON, None),
        "user": sender.person_id,
        "kind": _kind(sender),
        "logging_analyst": sender.logging_analyst,
        "trust": value.trust,
        "wanted": value.wanted,
        "call_template": value.call_template,
        **({} if priority is None else {"priority": priority}),
    }


def dead_lettered(reason: Reason) -> Decision:
    return _of("dead-lettered", reason)


def differences(mail_id: str, then: Decision, now: Decision) -> Iterator[Difference]:
    """Of the fields that both have: of a mail that was no person's there is no sender to compare."""
    for field, value in then.items():
        if now.get(field, value) != value:
            yield Difference(mail_id, field, value, now[field])


def _of(verdict: str, reason: Reason | None) -> Decision:
    return {"verdict": verdict, "reason": reason or ""}


def _kind(sender: Sender) -> str:
    """What the sender is once the call is logged: that a new person is known today is no difference of the rules."""
    if sender.new_person:
        return "user-only"
    return "analyst-and-user" if sender.set_user_flag else sender.kind


Place = tuple[int, int]  # partition and offset on mail.fetched


@dataclass(frozen=True, slots=True)
class Replayed:
    """One stored mail. `then` is None where nothing is known to be decided: it is on the way, or a dead letter."""

    mail_id: str
    place: Place
    then: Decision | None
    now: Decision

    @property
    def differences(self) -> tuple[Difference, ...]:
        return () if self.then is None else tuple(differences(self.mail_id, self.then, self.now))

    @property
    def to_be_sent_on(self) -> bool:
        """It was taken for a machine's, and is a person's by today's rules."""
        return self.then is not None and self.then["verdict"] in MACHINES and self.now["verdict"] == PERSON


def decision_now(outcome: FinalOutcome, settings: SettingsSnapshot) -> Decision:
    if isinstance(outcome, Dead):
        return dead_lettered(outcome.reason)
    message = outcome.outputs[0]  # of a report, one for each recipient: what was decided is the same
    assert message.topic.value is not None
    value = message.topic.value.validate_json(message.value or b"")
    template = settings.call_template(value.call_template) if message.topic is MAIL_RESOLVED else None
    return decision(value, None if template is None else expected_priority(template, settings))
