"""What becomes of one mail: a frozen intent from frozen values. No database, clock or randomness here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from logger.call_fields import CallFields, call_fields
from logger.find_item import find_item, partition_of
from logger.proof import Proof, of_a_new_call, proof_of
from logger.properties import properties
from logger.state import ItemState, Known, is_party, is_trusted, standing
from runtime.outcomes import Dead
from schemas.events import ItemKind
from schemas.mail import ResolvedMail
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.settings import AfterClosing, CallTemplate, ClosedAction
from schemas.snapshot import SettingsSnapshot
from schemas.tokens import TAG

# Requirement R9.5: calls and tasks are closed by mail, requests are not.
CLOSED_BY_MAIL: frozenset[ItemKind] = frozenset(("call", "task"))


@dataclass(frozen=True, slots=True)
class LogCall:
    """A new call. `linked_to`: the number of the item that the mail follows, or only names."""

    mail: ResolvedMail
    person: Person
    item: ItemState
    proof: Proof
    template: CallTemplate
    content: CallFields
    settings_versions: Mapping[str, int]
    linked_to: int | None = None


@dataclass(frozen=True, slots=True)
class UpdateItem:
    """The mail goes into the item's journal, whether that is open or closed."""

    mail: ResolvedMail
    person: Person
    item: ItemState
    proof: Proof


@dataclass(frozen=True, slots=True)
class CloseItem:
    mail: ResolvedMail
    person: Person
    item: ItemState
    proof: Proof


@dataclass(frozen=True, slots=True)
class ReopenItem:
    """The mail goes into the journal of a closed item, which is opened again."""

    mail: ResolvedMail
    person: Person
    item: ItemState
    proof: Proof


@dataclass(frozen=True, slots=True)
class Refuse:
    """The mail is kept in the item's journal; what it asked for is not done."""

    mail: ResolvedMail
    person: Person
    item: ItemState
    proof: Proof
    action: Literal["update", "close"]
    reason: Reason


Intent = LogCall | UpdateItem | CloseItem | ReopenItem | Refuse


def decide(
    mail: ResolvedMail, person: Person, settings: SettingsSnapshot, known: Known, new_number: int
) -> Intent | Dead:
    """`person` performs the action; `new_number` is the number of the call, should it be a new one.

    `Dead` where a new call cannot be logged because its template or partition does not exist.
    """
    found = find_item(mail, person, partition_of(mail, settings), known)
    item = found.item
    if item is None:
        return _log(mail, person, settings, new_number, found.named)
    proof = proof_of(mail, person, item, found, known)
    if mail.wanted == "close":
        reason = _why_not_closed(mail, person, item, proof, settings)
        if reason is None:
            return CloseItem(mail, person, item, proof)
        return Refuse(mail, person, item, proof, "close", reason)
    if item.is_open:
        return UpdateItem(mail, person, item, proof)
    action = _after_closing(mail, person, item, proof, settings)
    if action == "new-call":
        return _log(mail, person, settings, new_number, item)
    return (ReopenItem if action == "reopen" else UpdateItem)(mail, person, item, proof)


def _why_not_closed(
    mail: ResolvedMail, person: Person, item: ItemState, proof: Proof, settings: SettingsSnapshot
) -> Reason | None:
    stands = standing(person, item)
    server = settings.incoming_server(mail.server_id)
    obstacles = (
        (not is_trusted(mail), Reason.NOT_TRUSTED),
        (not stands, Reason.NOT_A_PARTY),
        (not proof.sender, Reason.NOT_TRUSTED),
        (not item.is_open, Reason.ITEM_CLOSED),
        (item.kind not in CLOSED_BY_MAIL, Reason.REQUEST_NOT_CLOSED_BY_MAIL),
        (server is None or stands.isdisjoint(server.may_close), Reason.MAY_NOT_CLOSE),
    )
    return next((reason for stands_in_the_way, reason in obstacles if stands_in_the_way), None)


def _after_closing(
    mail: ResolvedMail, person: Person, item: ItemState, proof: Proof, settings: SettingsSnapshot
) -> ClosedAction:
    """What the item's partition wants done with a mail to it. Only a party that is proved opens it again."""
    partition = settings.partition(item.partition)
    rules = partition.after_closing if partition else ()
    fitting = (rule.action for rule in rules if _fits(rule, mail, item))
    action: ClosedAction = next(fitting, "new-call")
    if action == "reopen" and not (proof.sender and is_party(person, item)):
        return "new-call"
    return action


def _fits(rule: AfterClosing, mail: ResolvedMail, item: ItemState) -> bool:
    """Whether the item had been closed for no longer than the rule allows when the mail came."""
    if rule.within_days is None:
        return True
    return item.closed_at is not None and (mail.received - item.closed_at) / timedelta(days=1) <= rule.within_days


def _log(
    mail: ResolvedMail, person: Person, settings: SettingsSnapshot, number: int, linked_to: ItemState | None
) -> LogCall | Dead:
    found = properties(mail.call_template, settings)
    if isinstance(found, Dead):
        return found
    logging_analyst = _logging_analyst(mail, settings)
    if isinstance(logging_analyst, Dead):
        return logging_analyst
    subject = TAG.sub(r"\1", mail.subject)  # a proof of another item is nothing to be handed on
    content = call_fields(found.template, subject, mail.text)
    item = ItemState(
        number=number,
        kind="call",
        is_open=True,
        partition=found.partition,
        subject=content.subject,
        user=person.id,
        logging_analyst=logging_analyst,
        priority=found.priority,
        assigned_group=found.template.assigned_group,
    )
    versions = {**mail.settings_versions, **found.versions}
    linked = None if linked_to is None else linked_to.number
    return LogCall(mail, person, item, of_a_new_call(mail), found.template, content, versions, linked)


def _logging_analyst(mail: ResolvedMail, settings: SettingsSnapshot) -> str | Dead:
    """As the resolver decided; but a sender who is not proved is never taken for the Analyst who logs the call."""
    sender = mail.sender
    if is_trusted(mail) or sender.logging_analyst != sender.person_id:
        return sender.logging_analyst
    server = settings.incoming_server(mail.server_id)
    if server is None:
        return Dead(Reason.UNKNOWN_SERVER, f"incoming server {mail.server_id!r} does not exist")
    return server.default_logging_analyst
