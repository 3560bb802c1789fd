"""What the logger would do with a mail, as far as that does not depend on what the desk holds. Pure.

An explanation knows no items. So the logger's own decision is asked for with a desk that gives the mail the most: each
item that it names exists, is open, and is its sender's. What is refused even there is always refused
(docs/adr/0003-explain.md).
"""

from collections.abc import Collection
from datetime import UTC, datetime

from desk.item_references import parse_reference
from logger.core.commands import CreateItem, RefuseCommand
from logger.core.mail_decisions import decide_mail, mail_command
from logger.core.new_items import priority
from logger.core.state import DeskState, ItemState
from resolver.resolve import Examined, Resolution
from runtime.processing.outcomes import Dead
from schemas.events import ItemKind
from schemas.explanations import EXPLANATIONS
from schemas.ids import notification_of
from schemas.persons import Person
from schemas.resolved_mail import ResolvedMail, Sender
from schemas.settings import CallTemplate, IncomingServer
from schemas.snapshot import SettingsSnapshot

_NOTIFIED = -1  # number of the item that a notification of ours was about
_NEW_CALL = -2
_ANY_MOMENT = datetime.fromtimestamp(0, UTC)  # when the mail came: counts only for items that are closed


def expected_action(
    examined: Examined,
    resolution: Resolution,
    server: IncomingServer,
    template: CallTemplate,
    persons: Collection[Person],
    settings: SettingsSnapshot,
) -> tuple[str, str]:
    """What is done, in the words of `mailcall explain --json`, and why. `persons`: those whose address it is."""
    mail, person = _mail(examined, resolution, server, template), _person(resolution.sender, persons)
    desk = _generous_desk(mail, person, template.partition)
    decision = decide_mail(mail_command(mail, "", settings), person, settings, desk, _NEW_CALL)
    if isinstance(decision, Dead):
        return "log a call", f"it would become a dead letter: {decision.text}"
    if isinstance(decision, CreateItem):
        return "log a call", _why_a_call(mail, decision)
    action = "close an item" if mail.wanted == "close" else "update an item"
    if isinstance(decision, RefuseCommand):
        return action, f"the mail names an item, and this is refused ({decision.reason}): {_meaning(decision)}"
    return action, "the mail names an item; if there is none, or it is another's, a call is logged"


def expected_priority(template: CallTemplate, settings: SettingsSnapshot) -> str | None:
    """Of a call that is logged by this template; None where it has none, and the mail would become a dead letter."""
    partition = settings.partition(template.partition)
    found = None if partition is None else priority(template, partition)
    return None if isinstance(found, Dead) else found


def _why_a_call(mail: ResolvedMail, decision: CreateItem) -> str:
    if decision.linked_to is None:
        return "the mail names no item of the desk"
    if mail.conversation.doubtful:
        return "the mail names an item by a forged or expired token: the call is linked to it"
    return "the mail names an item, but its sender is not authenticated: the call is linked to it"


def _meaning(decision: RefuseCommand) -> str:
    return EXPLANATIONS[decision.reason].meaning


def _mail(examined: Examined, resolution: Resolution, server: IncomingServer, template: CallTemplate) -> ResolvedMail:
    """As the resolver hands it on, but for what no decision looks at."""
    return ResolvedMail(
        mail_id="",
        server_id=server.id,
        received=_ANY_MOMENT,
        size=0,
        sha256="",
        message_id=examined.mail.message_id,
        subject=examined.mail.subject,
        text=examined.mail.text,
        reply=examined.mail.reply,
        sender=resolution.sender,
        trust=resolution.trust.verdict,
        conversation=resolution.conversation,
        wanted=resolution.wanted,
        call_template=template.id,
        answerable=examined.answerable,
    )


def _person(sender: Sender, persons: Collection[Person]) -> Person:
    known = next((person for person in persons if person.id == sender.person_id), None)
    return known or Person(id=sender.person_id, is_user=True)


def _generous_desk(mail: ResolvedMail, person: Person, partition: str) -> DeskState:
    found = mail.conversation
    notifications = map(notification_of, (*found.own_message_ids, *found.doubtful, *found.message_ids))
    thread_index = dict.fromkeys(filter(None, notifications), _NOTIFIED)
    named = filter(None, map(parse_reference, (*found.tokens, *found.doubtful, *found.item_references)))
    kinds: dict[int, ItemKind] = {_NOTIFIED: "call", **{number: kind for kind, number in named}}
    items = {
        number: ItemState(
            number=number,
            kind=kind,
            is_open=True,
            partition=partition,
            subject="",
            user=person.id,
            logging_analyst=person.id,
            priority="",
        )
        for number, kind in kinds.items()
    }
    return DeskState(items, thread_index)
