"""The decision about one message. Pure: no database, clock or randomness here."""

from datetime import timedelta

from logger.core.commands import (
    UNTRUSTED,
    CloseItem,
    CreateItem,
    Decision,
    MailCommand,
    Proof,
    RefuseCommand,
    ReopenItem,
    UpdateItem,
)
from logger.core.new_items import item_fields, properties
from logger.core.state import DeskState, ItemState, is_party, roles_of
from logger.core.threading import find_item, thread_of
from runtime.processing.outcomes import Dead
from schemas.events import ItemKind
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.resolved_mail import ResolvedMail
from schemas.settings import AfterClosing, ClosedAction
from schemas.snapshot import SettingsSnapshot
from schemas.tokens import TAG

# Requirement R9.5: calls and tasks are closed by mail, requests are not.
CLOSED_BY_MAIL: frozenset[ItemKind] = frozenset(("call", "task"))


def mail_command(mail: ResolvedMail, traceparent: str, settings: SettingsSnapshot) -> MailCommand:
    """What a message asks of the desk: to be logged, or to act on an item."""
    return MailCommand(mail.mail_id, traceparent, mail, thread_of(mail, settings), mail.trust not in UNTRUSTED)


def decide_mail(
    command: MailCommand, person: Person, settings: SettingsSnapshot, desk: DeskState, new_number: int
) -> Decision | Dead:
    """`person` performs the action; `new_number` is the number of the call, should it be a new one.

    `Dead` where a new call cannot be logged because its template or partition does not exist.
    """
    match = find_item(command, person, desk)
    item, proof = match.item, match.proof
    if item is None or proof is None:
        return _log_call(command, person, settings, new_number, match.mentioned)
    if command.mail.wanted == "close":
        reason = _why_not_closed(command, person, item, proof, settings)
        if reason is None:
            return CloseItem(command, person, item, proof)
        return RefuseCommand(command, person, item, proof, "close", reason)
    if item.is_open:
        return UpdateItem(command, person, item, proof)
    action = _after_closing(command.mail, person, item, proof, settings)
    if action == "new-call":
        return _log_call(command, person, settings, new_number, item)
    return (ReopenItem if action == "reopen" else UpdateItem)(command, person, item, proof)


def _why_not_closed(
    command: MailCommand, person: Person, item: ItemState, proof: Proof, settings: SettingsSnapshot
) -> Reason | None:
    roles = roles_of(person, item)
    server = settings.incoming_server(command.mail.server_id)
    obstacles = (
        (not command.trusted, Reason.NOT_TRUSTED),
        (not roles, Reason.NOT_A_PARTY),
        (not proof.sender, Reason.NOT_TRUSTED),
        (not item.is_open, Reason.ITEM_CLOSED),
        (item.kind not in CLOSED_BY_MAIL, Reason.REQUEST_NOT_CLOSED_BY_MAIL),
        (server is None or roles.isdisjoint(server.may_close), Reason.MAY_NOT_CLOSE),
    )
    return next((reason for is_obstacle, reason in obstacles if is_obstacle), None)


def _after_closing(
    mail: ResolvedMail, person: Person, item: ItemState, proof: Proof, settings: SettingsSnapshot
) -> ClosedAction:
    """What the item's partition wants done with a message to it. Only a party that is authenticated reopens it."""
    partition = settings.partition(item.partition)
    rules = partition.after_closing if partition else ()
    fitting = (rule.action for rule in rules if _fits(rule, mail, item))
    action: ClosedAction = next(fitting, "new-call")
    if action == "reopen" and not (proof.sender and is_party(person, item)):
        return "new-call"
    return action


def _fits(rule: AfterClosing, mail: ResolvedMail, item: ItemState) -> bool:
    """Whether the item had been closed for no longer than the rule allows when the message came."""
    if rule.within_days is None:
        return True
    return item.closed_at is not None and (mail.received - item.closed_at) / timedelta(days=1) <= rule.within_days


def _log_call(
    command: MailCommand, person: Person, settings: SettingsSnapshot, number: int, linked_to: ItemState | None
) -> CreateItem | Dead:
    mail = command.mail
    found = properties(mail.call_template, settings)
    if isinstance(found, Dead):
        return found
    logging_analyst = _logging_analyst(command, settings)
    if isinstance(logging_analyst, Dead):
        return logging_analyst
    subject = TAG.sub(r"\1", mail.subject)  # a proof of another item is nothing to be passed on
    content = item_fields(found.template, subject, mail.text)
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
    proof = Proof(mail.trust == "passed", True)  # whoever logs a call has a part in it
    versions = {**mail.settings_versions, **found.versions}
    linked = None if linked_to is None else linked_to.number
    return CreateItem(command, person, item, proof, person, found.template, content, versions, linked)


def _logging_analyst(command: MailCommand, settings: SettingsSnapshot) -> str | Dead:
    """As the resolver decided; but an unauthenticated sender never counts as the Analyst who logs the call."""
    sender, server_id = command.mail.sender, command.mail.server_id
    if command.trusted or sender.logging_analyst != sender.person_id:
        return sender.logging_analyst
    server = settings.incoming_server(server_id)
    if server is None:
        return Dead(Reason.UNKNOWN_SERVER, f"incoming server {server_id!r} does not exist")
    return server.default_logging_analyst
