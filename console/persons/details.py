"""What concerns one person: who else has the addresses, who of them is used, what bounced, what names the person."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection

from console.settings.referring import find_referrers
from desk.bounced_addresses import BouncedAddress, bounced
from desk.directory import find_persons
from schemas.addresses import normalise
from schemas.notification_rules import Group
from schemas.persons import Person, first_found
from schemas.snapshot import SettingsSnapshot


@dataclass(frozen=True, slots=True)
class Address:
    """One of a person's addresses. `owners`: all who have it, in the order in which they are found; the first is used.

    `bounced`: what came back from it.
    """

    address: str
    owners: tuple[Person, ...]
    bounced: BouncedAddress | None

    @property
    def used(self) -> Person | None:
        """Requirement R9.6: "If multiple Person records have the same email address, the first Person record found is
        used".
        """
        return first_found(self.owners)


@dataclass(frozen=True, slots=True)
class PersonDetails:
    """`referrers`: the settings that name the person, as `incoming-server/it: default_logging_analyst`."""

    person: Person
    addresses: tuple[Address, ...]
    email_format_used: bool
    groups: tuple[Group, ...]
    referrers: tuple[str, ...]


def person_details(connection: Connection, person: Person, settings: SettingsSnapshot) -> PersonDetails:
    """All of it in two looks at the desk."""
    normalised = {normalise(address) for address in person.addresses}
    owners = find_persons(connection, normalised)
    came_back = bounced(connection, normalised)
    return PersonDetails(
        person,
        tuple(
            Address(address, _with(owners.get(normalise(address), ()), person), came_back.get(normalise(address)))
            for address in person.addresses
        ),
        settings.email_options().message_format_per_person,
        tuple(group for group in settings.all_of(Group) if person.id in group.members),
        find_referrers(settings, f"person/{person.id}"),
    )


def _with(owners: Collection[Person], person: Person) -> tuple[Person, ...]:
    """The person belongs to them also before the desk has stored the address."""
    every = {one.id: one for one in owners} | {person.id: person}
    return tuple(sorted(every.values(), key=lambda one: (one.disabled, one.id)))
