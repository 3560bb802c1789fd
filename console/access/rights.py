"""What a role may allow."""

from collections.abc import Collection, Mapping
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
