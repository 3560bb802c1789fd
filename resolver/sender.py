"""Who becomes User and Logging Analyst of a call. Pure.

Requirement R2.3 and the table of Requirement R11, as one table of data: `ROWS`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from resolver.sender_address import SenderAddress
from schemas import ids
from schemas.addresses import without_tag
from schemas.persons import Person, PersonKind, first_found
from schemas.resolved_mail import Sender
from schemas.settings import IncomingServer

MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class SenderRule:
    """Requirement R11.1: one row of its table, who is Logging Analyst; and whether the User flag is set."""

    linked: bool
    set_user_flag: bool
    reason: str


_DEFAULT = "the Logging Analyst is the server's Default Logging Analyst"
_NOT_LINKED = f"Use Linked Analyst is deselected: {_DEFAULT}"
_LINKED = "Use Linked Analyst is selected: the Logging Analyst is the person sending the email"

# (kind of sender, Use Linked Analyst) -> the row. The option makes no difference for a sender who is not an Analyst.
ROWS: Mapping[tuple[PersonKind, bool], SenderRule] = {
    ("unknown", False): SenderRule(False, False, f"no person has this address: a new User is created; {_DEFAULT}"),
    ("unknown", True): SenderRule(False, False, f"no person has this address: a new User is created; {_DEFAULT}"),
    ("user-only", False): SenderRule(False, False, f"a User: {_DEFAULT}"),
    ("user-only", True): SenderRule(False, False, f"a User: {_DEFAULT}, whether Use Linked Analyst is selected or not"),
    ("analyst-only", False): SenderRule(False, True, f"an Analyst who becomes a User as well. {_NOT_LINKED}"),
    ("analyst-only", True): SenderRule(True, True, f"an Analyst who becomes a User as well. {_LINKED}"),
    ("analyst-and-user", False): SenderRule(False, False, f"an Analyst and User. {_NOT_LINKED}"),
    ("analyst-and-user", True): SenderRule(True, False, f"an Analyst and User. {_LINKED}"),
}
# Instead of an Analyst's rows: whoever is disabled is changed by the CMDB only; and where it is not proved that the
# Analyst wrote the mail.
_DISABLED = SenderRule(False, False, f"a disabled person, who does not act as an Analyst: {_DEFAULT}")
_NOT_TRUSTED = SenderRule(False, False, f"an Analyst, not authenticated as the sender of the email: {_DEFAULT}")


def known_as(address: str, plus_tags: bool) -> tuple[str, ...]:
    """The addresses that the sender's person may have. The first that anybody has counts; a new person gets the last.

    `plus_tags`: the setting of that name is selected.
    """
    if not address:
        return ()
    return tuple(dict.fromkeys((address, without_tag(address)))) if plus_tags else (address,)


def persons_known_as(address: str, plus_tags: bool, directory: Mapping[str, tuple[Person, ...]]) -> tuple[Person, ...]:
    """Those of the CMDB who are to be taken for the sender. `directory`: persons by normalised address."""
    return next((directory[one] for one in known_as(address, plus_tags) if one in directory), ())


def decide_sender(
    found: SenderAddress,
    persons: Sequence[Person],
    server: IncomingServer,
    *,
    trusted: bool = True,
    plus_tags: bool = False,
) -> Sender:
    """User and Logging Analyst of a call from this address. `persons`: as `persons_known_as` gives them.

    `trusted`: the mail is proved to come from this address, or no proof is asked for; else no Analyst's rights follow.
    """
    person = first_found(persons)
    row = _row(person, server, trusted)
    reason = row.reason
    if len(persons) > 1:
        reason = f"{len(persons)} persons have this address, the first is used: {reason}"
    if not found.address:
        reason = f"the incoming server's unknown sender is the User; {_DEFAULT}"
    if person is None:
        address = next(reversed(known_as(found.address, plus_tags)), "")
        first_name, last_name = name_parts(found.name, address)
        user = ids.person_id(address or unknown_sender(server.id))
    else:
        address, first_name, last_name, user = "", "", "", person.id
    return Sender(
        address=found.address,
        name=found.name,
        first_name=first_name,
        last_name=last_name,
        person_id=user,
        kind=_kind(person),
        new_person=person is None,
        person_address="" if address == found.address else address,
        set_user_flag=row.set_user_flag,
        logging_analyst=user if row.linked else server.default_logging_analyst,
        reason=reason,
    )


def _row(person: Person | None, server: IncomingServer, trusted: bool) -> SenderRule:
    if person is not None and person.is_analyst:
        if person.disabled:
            return _DISABLED
        if not trusted:
            return _NOT_TRUSTED
    return ROWS[_kind(person), server.use_linked_analyst]


def name_parts(display_name: str, address: str) -> tuple[str, str]:
    """First and last name of a new person. `Last, First` is turned round; no name at all: the address's local part."""
    if not display_name.isprintable():
        display_name = "".join(c if c.isprintable() else " " for c in display_name)
    name = " ".join(display_name.split()).strip("'\"")
    last, comma, first = (part.strip() for part in name.partition(","))
    if not (comma and first and last):
        first, _, last = name.replace(",", " ").strip().rpartition(" ")
    if not last:
        first, last = "", address.rpartition("@")[0] or "Unknown sender"
    return first.strip()[:MAX_NAME], last.strip()[:MAX_NAME]


def unknown_sender(server_id: str) -> str:
    """What stands for the address of the mails of one incoming server that name no sender: never an address itself."""
    return f"unknown-sender/{server_id}"


def _kind(person: Person | None) -> PersonKind:
    if person is None:
        return "unknown"
    if person.is_analyst:
        return "analyst-and-user" if person.is_user else "analyst-only"
    return "user-only"
