"""What a batch comes to: its decisions with the numbers that the database gave, and the persons they need. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from logger.core.commands import CreateItem, Decision, Duplicate, MailCommand
from logger.core.plan import Plan
from logger.core.rate_limits import RateLimitHit
from logger.core.state import DeskState
from runtime.processing.outcomes import Dead, Reject
from schemas.persons import Person


@dataclass(frozen=True, slots=True)
class Decided:
    """`decisions`, in order, and `duplicates` have the numbers of the database. `not_applied`: by causation id.

    `new_persons`: created by the decisions; `creating`: ids of the commands that create them. `new_users`: ids of
    persons who get the User flag.
    """

    decisions: Sequence[Decision]
    not_applied: Mapping[str, Dead | Reject]
    new_persons: Sequence[Person]
    creating: Collection[str]
    new_users: Collection[str]
    duplicates: Sequence[Duplicate] = ()
    hits: Sequence[RateLimitHit] = ()

    def and_then(self, later: "Decided") -> "Decided":
        """This, and what is decided after it."""
        return replace(
            self,
            decisions=[*self.decisions, *later.decisions],
            not_applied={**self.not_applied, **later.not_applied},
            new_persons=[*self.new_persons, *later.new_persons],
            creating={*self.creating, *later.creating},
            new_users={*self.new_users, *later.new_users},
        )


def decided(plan: Plan, numbers: Sequence[int], candidates: Iterable[Person]) -> Decided:
    """`numbers`: of the plan's new calls: -1 becomes `numbers[0]`, and so on.

    `candidates`: persons who are not in the desk yet. Nobody is created for a command without effect.
    """
    decisions = numbered(plan.decisions, numbers)
    creators = ((_created_by(decision), decision.command.causation_id) for decision in reversed(decisions))
    first = {person.id: causation_id for person, causation_id in creators if person is not None}
    new_persons = [person for person in candidates if person.id in first]
    return Decided(
        decisions,
        plan.not_applied,
        new_persons,
        {first[person.id] for person in new_persons},
        _new_users(decisions),
        numbered(plan.duplicates, numbers),
        plan.hits,
    )


def give_numbers(desk: DeskState, numbers: Sequence[int]) -> None:
    """The desk's new items, too, get the numbers that the database gave."""
    for new, number in enumerate(numbers, 1):
        if -new in desk.items:
            desk.items[number] = desk.items.pop(-new)._replace(number=number)


Numbered = TypeVar("Numbered", Decision, Duplicate)


def numbered(decisions: Sequence[Numbered], numbers: Sequence[int]) -> list[Numbered]:
    def final(number: int) -> int:
        return number if number > 0 else numbers[-number - 1]

    return [decision if decision.item.number > 0 else _with_numbers(decision, final) for decision in decisions]


def _with_numbers(decision: Numbered, final: Callable[[int], int]) -> Numbered:
    item = decision.item._replace(number=final(decision.item.number))
    if not isinstance(decision, CreateItem):
        return decision._replace(item=item)
    return decision._replace(item=item, linked_to=decision.linked_to and final(decision.linked_to))


def _created_by(decision: Decision) -> Person | None:
    """The person whom the decision creates, should that person be new."""
    if isinstance(decision, CreateItem):
        return decision.user
    return decision.person if isinstance(decision.command, MailCommand) else None


def _new_users(decisions: Iterable[Decision]) -> set[str]:
    """Ids of those who get the User flag with their new item.

    Requirement R2.9: an Analyst who logs a call by mail becomes a User as well. Not a sender who is not authenticated
    as that Analyst, and not a disabled person, who acts as no Analyst and is changed by the CMDB only.
    """
    return {
        decision.user.id
        for decision in decisions
        if isinstance(decision, CreateItem)
        and not decision.user.is_user
        and (not isinstance(decision.command, MailCommand) or (decision.command.trusted and not decision.user.disabled))
    }
