"""A whole batch, in order: what is decided about one command is known to the next. Pure.

So a reply finds an original that came with it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from logger.core.commands import (
    CloseItem,
    CreateItem,
    Decision,
    Duplicate,
    MailCommand,
    ReopenItem,
    SystemCommand,
)
from logger.core.mail_decisions import decide_mail
from logger.core.rate_limits import RateLimitHit
from logger.core.state import DeskState
from logger.core.system_decisions import KnownEntities, decide_change, decide_new_item
from runtime.processing.outcomes import Dead, Reject
from schemas.desk_commands import ExistingItem, NewItem
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.snapshot import SettingsSnapshot


@dataclass(frozen=True, slots=True)
class Plan:
    """Decisions in the order of the commands, new calls numbered -1, -2 ...; `dead` by causation id.

    `duplicates` and `hits` have no effect on an item.
    """

    decisions: tuple[Decision, ...]
    new_calls: int
    dead: Mapping[str, Dead]
    duplicates: tuple[Duplicate, ...] = ()
    hits: tuple[RateLimitHit, ...] = ()

    @property
    def not_applied(self) -> dict[str, Dead | Reject]:
        """By causation id, those that change nothing in the desk."""
        return {**self.dead, **{hit.mail.mail_id: Reject(Reason.FLOOD) for hit in self.hits}}


def plan_mails(
    commands: Iterable[MailCommand],
    actors: Mapping[str, Person],
    settings: SettingsSnapshot,
    desk: DeskState,
    now: datetime,
) -> Plan:
    """`actors`: the person by `sender.person_id`. Changes `desk` as it goes; `now` is when that happens."""
    decisions: list[Decision] = []
    duplicates: list[Duplicate] = []
    dead: dict[str, Dead] = {}
    hits: list[RateLimitHit] = []
    new_calls = 0
    for command in commands:
        mail, thread = command.mail, command.thread
        person = actors[mail.sender.person_id]
        original = desk.item_of_duplicate(thread.content_ids) if desk.contents else None
        if original is not None:
            duplicates.append(Duplicate(command, person, original))
            continue
        decision = decide_mail(command, person, settings, desk, -new_calls - 1)
        if isinstance(decision, Dead):
            dead[mail.mail_id] = decision
            continue
        evidence = desk.recent_mail.exceeded_limit(mail, person.id, decision.item.number)
        if evidence is not None:
            hits.append(RateLimitHit(mail, command.traceparent, evidence))
            continue
        new_calls += isinstance(decision, CreateItem)
        remember(desk, decision, now)
        if thread.key is not None:
            desk.thread_index.setdefault(thread.key, decision.item.number)  # the first to have an id keeps it
        for content_id in thread.content_ids:
            desk.contents[content_id] = decision.item.number
        decisions.append(decision)
    return Plan(tuple(decisions), new_calls, dead, tuple(duplicates), tuple(hits))


def plan_commands(
    commands: Iterable[SystemCommand],
    desk: DeskState,
    persons: Mapping[str, Person],
    users: Mapping[str, Person],
    settings: SettingsSnapshot,
    numbers: Iterator[int],
    now: datetime,
) -> Plan:
    """After the mails of the batch, whose items have their numbers (`decided.give_numbers`). Changes `desk` as it goes.

    `users`: as `ResolvedUsers.named`. `numbers`: one for each item that may be created; those of dead letters stay
    unused.
    """
    known = KnownEntities(desk.items, persons, users)
    decisions: list[Decision] = []
    dead: dict[str, Dead] = {}
    for command in commands:
        desk_command = command.desk_command
        if isinstance(desk_command, NewItem):
            decision: Decision | Dead = decide_new_item(command, desk_command, known, settings, next(numbers))
        elif isinstance(desk_command, ExistingItem):
            decision = decide_change(command, desk_command, known)
        else:
            continue  # about no item
        if isinstance(decision, Dead):
            dead[command.causation_id] = decision
            continue
        remember(desk, decision, now)
        decisions.append(decision)
    return Plan(tuple(decisions), 0, dead)


def remember(desk: DeskState, decision: Decision, now: datetime) -> None:
    """The item as the decision leaves it."""
    item = decision.item
    if isinstance(decision, CloseItem):
        item = item._replace(is_open=False, closed_at=now)
    elif isinstance(decision, ReopenItem):
        item = item._replace(is_open=True, closed_at=None)
    desk.items[item.number] = item
