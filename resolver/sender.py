"""Who sends a call: User and Logging Analyst. Pure.

Requirement R2.3 and the table of Requirement R11, as one table of data: `ROWS`.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from schemas import ids
from schemas.addresses import MAX_ADDRESS, check_address, normalise, without_tag
from schemas.mail import Mailbox, ParsedMail, Sender
from schemas.persons import Person, PersonKind, first_found
from schemas.settings import IncomingServer

MAX_NAME = 200

# The mailboxes of a header that is no part of `ParsedMail`, by its name.
MailboxesOf = Callable[[str], Sequence[Mailbox]]


@dataclass(frozen=True, slots=True)
class SenderAddress:
    """The address a mail is taken to come from. `address` is normalised, and empty where the mail names none.

    `header` is the one it stands in, empty if none; `reason` says why it is that one. `in_name_of`: the normalised
    address in From where another header says who wrote; of such a mail only From can be checked.
    """

    address: str
    name: str
    header: str
    reason: str
    in_name_of: str = ""


@dataclass(frozen=True, slots=True)
class SenderRule:
    """Requirement R11.1: one row of its table, who is Logging Analyst; and whether the User flag is set."""

    linked: bool
    set_user_flag: bool
    reason: str


_DEFAULT = "the Logging Analyst is the server's Default Logging Analyst"
_NOT_LINKED = f"Use Linked Analyst is deselected: {_DEFAULT}"
_LINKED = "Use Linked Analyst is selected: the Logging Analyst is the person sending the email"

# (who sends, Use Linked Analyst) -> what follows. The option makes no difference for whoever is no Analyst.
ROWS: Mapping[tuple[PersonKind, bool], SenderRule] = {
    ("unknown", False): SenderRule(False, False, f"no person has this address: a new User is made; {_DEFAULT}"),
    ("unknown", True): SenderRule(False, False, f"no person has this address: a new User is made; {_DEFAULT}"),
    ("user-only", False): SenderRule(False, False, f"a User: {_DEFAULT}"),
    ("user-only", True): SenderRule(False, False, f"a User: {_DEFAULT}, whether Use Linked Analyst is selected or not"),
    ("analyst-only", False): SenderRule(False, True, f"an Analyst who becomes a User as well. {_NOT_LINKED}"),
    ("analyst-only", True): SenderRule(True, True, f"an Analyst who becomes a User as well. {_LINKED}"),
    ("analyst-and-user", False): SenderRule(False, False, f"an Analyst and User. {_NOT_LINKED}"),
    ("analyst-and-user", True): SenderRule(True, False, f"an Analyst and User. {_LINKED}"),
}
# Instead of an Analyst's rows: whoever is disabled is changed by the CMDB only; and where it is not proved that the
# Analyst wrote the mail.
_DISABLED = SenderRule(False, False, f"a disabled person, who acts as no Analyst: {_DEFAULT}")
_NOT_TRUSTED = SenderRule(False, False, f"an Analyst, who is not proved to have sent the email: {_DEFAULT}")


# Who wrote a mail in another's name: what forms, lists and groups that put their own address into From keep of it.
_WROTE = ("Reply-To", "X-Original-From", "X-Original-Sender")
_MAX_WROTE = 10  # mailboxes of each header: who wrote stands first, or behind the list
# `'Ann Ek' via Staff`, as Google Groups and Mailman name the author in From.
_VIA = re.compile(r"^'([^']{1,200})' \S|^(.{1,200}?) via \S")


def sender_address(
    mail: ParsedMail, mailboxes_of: MailboxesOf, own_addresses: frozenset[str] = frozenset()
) -> SenderAddress:
    """From, its first usable address, else the first of Reply-To, Sender and Return-Path that holds one, else none.

    RFC 5322, 3.6.2: the author stands in From; the others only stand in for it. Return-Path comes last because it often
    names a machine that handles bounces. In the name of one of `own_addresses`, the desk's own, somebody else writes:
    whom Reply-To names, else X-Original-From, else X-Original-Sender; else it is From after all.
    `mailboxes_of` is asked for a header only when it is needed.
    """
    name = mail.from_.name if mail.from_ else ""
    if mail.from_ and normalise(mail.from_.address) in own_addresses:
        found = who_wrote(mail, mailboxes_of, own_addresses)
        if found:
            return replace(found[0], reason=f"From is the desk's own address: {found[0].header} says who wrote")
    for header, mailbox in _candidates(mail, mailboxes_of):
        address = _usable(mailbox.address)
        if address:
            reason = (
                "the author, as From says" if header == "From" else f"{_why_not_from(mail)}: {header} stands in for it"
            )
            return SenderAddress(address, mailbox.name or name, header, reason)
    return SenderAddress("", name, "", f"{_why_not_from(mail)}, and no other header names a sender")


def who_wrote(mail: ParsedMail, mailboxes_of: MailboxesOf, own_addresses: frozenset[str]) -> tuple[SenderAddress, ...]:
    """Whoever may have written a mail in the name of the one in From, best first: nobody with an address of the desk's.

    Whether From writes for others is for the settings to say.
    """
    every = ((header, mail.reply_to if header == "Reply-To" else mailboxes_of(header)) for header in _WROTE)
    named = [(header, boxes) for header, boxes in every if boxes]
    in_name_of = _usable(mail.from_.address) if mail.from_ and named else ""
    if not in_name_of:
        return ()
    via = _VIA.match(mail.from_.name if mail.from_ else "")
    found = []
    for header, mailboxes in named:
        for mailbox in mailboxes[:_MAX_WROTE]:
            address = _usable(mailbox.address)
            if address and address != in_name_of and address not in own_addresses:
                name = mailbox.name or (via[1] or via[2] if via else "")
                reason = f"{in_name_of} writes for others, by the incoming server: {header} says who wrote"
                found.append(SenderAddress(address, name, header, reason, in_name_of))
    return tuple(found)


def is_one_of(address: str, patterns: Collection[str]) -> bool:
    """Whether a normalised address, or its whole domain (`@example.com`), is one of the settings' patterns."""
    return bool(address) and (address in patterns or address[address.rfind("@") :] in patterns)


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
    name = " ".join("".join(c if c.isprintable() else " " for c in display_name).split()).strip("'\"")
    last, comma, first = (part.strip() for part in name.partition(","))
    if not (comma and first and last):
        first, _, last = name.replace(",", " ").strip().rpartition(" ")
    if not last:
        first, last = "", address.rpartition("@")[0] or "Unknown sender"
    return first.strip()[:MAX_NAME], last.strip()[:MAX_NAME]


def unknown_sender(server_id: str) -> str:
    """What stands for the address of the mails of one incoming server that name no sender: never an address itself."""
    return f"unknown-sender/{server_id}"


def _candidates(mail: ParsedMail, mailboxes_of: MailboxesOf) -> Iterator[tuple[str, Mailbox]]:
    if mail.from_ is not None:
        yield "From", mail.from_
        for mailbox in mailboxes_of("From"):  # `Ek, Anna <anna@...>`: a comma without quotation marks cuts the name off
            yield "From", mailbox
    for mailbox in mail.reply_to:
        yield "Reply-To", mailbox
    for header in ("Sender", "Return-Path"):
        for mailbox in mailboxes_of(header):
            yield header, mailbox


def _usable(address: str) -> str:
    """The normalised address if a person may have it, else nothing."""
    if len(address) > MAX_ADDRESS:
        return ""
    normalised = normalise(address)
    try:
        return check_address(normalised)
    except ValueError:
        return ""


def _why_not_from(mail: ParsedMail) -> str:
    return "From is missing" if mail.from_ is None else "From holds no usable address"


def _kind(person: Person | None) -> PersonKind:
    if person is None:
        return "unknown"
    if person.is_analyst:
        return "analyst-and-user" if person.is_user else "analyst-only"
    return "user-only"
