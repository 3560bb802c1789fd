"""What a role may allow, and what a signed-in account may do by its roles."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Right(StrEnum):
    """A part of the window that an account may use. Each contains that its pages may be seen."""

    SYSTEM_SET_UP = "system-set-up"  # "System Set Up selected in the Admin tab of your General Access security role"
    PERSONS = "persons"
    HELD_MAIL = "held-mail"  # mails, quarantine, dead letters of the role's partitions: see, release, replay, discard
    READ_CALLS = "read-calls"  # items and deliveries, of the role's partitions
    USERS_AND_ROLES = "users-and-roles"


# As pages name them.
LABELS: Mapping[Right, str] = {
    Right.SYSTEM_SET_UP: "System Set Up",
    Right.PERSONS: "Persons",
    Right.HELD_MAIL: "Held Mail",
    Right.READ_CALLS: "Read Calls",
    Right.USERS_AND_ROLES: "Accounts and Roles",
}


def known_rights(stored: Collection[str]) -> frozenset[Right]:
    """Those that this release knows: a right of a newer one opens nothing here."""
    return frozenset(right for right in Right if right in stored)


@dataclass(frozen=True, slots=True)
class Identity:
    """An account for the length of one request. `partitions` bounds READ_CALLS, `mail_partitions` HELD_MAIL; None
    stands for all of them.
    """

    account_id: str
    name: str  # stands as `who` in the history of changes
    rights: frozenset[Right]
    partitions: frozenset[str] | None = None
    mail_partitions: frozenset[str] | None = None

    def may(self, right: Right) -> bool:
        return right in self.rights

    def may_for_all(self, right: Right) -> bool:
        """Whether it has the right, and for every partition."""
        bounds = {Right.READ_CALLS: self.partitions, Right.HELD_MAIL: self.mail_partitions}
        return self.may(right) and bounds.get(right) is None


def identity(account_id: str, name: str, granted: Iterable[tuple[Collection[str], Collection[str] | None]]) -> Identity:
    """What an account may do: the sum of its roles. `granted`: rights and partitions of each, as they are stored.

    The partitions of a role bound what that role allows, and nothing that another one does.
    """
    roles = [(known_rights(given), within) for given, within in granted]
    return Identity(
        account_id,
        name,
        frozenset(right for rights, _ in roles for right in rights),
        _partitions(within for rights, within in roles if Right.READ_CALLS in rights),
        _partitions(within for rights, within in roles if Right.HELD_MAIL in rights),
    )


def _partitions(bounds: Iterable[Collection[str] | None]) -> frozenset[str] | None:
    found: set[str] = set()
    for within in bounds:
        if within is None:
            return None
        found.update(within)
    return frozenset(found)
