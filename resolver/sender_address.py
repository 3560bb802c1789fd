"""The sender's address: in From, or in the header that replaces it. Pure."""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from schemas.addresses import MAX_ADDRESS, check_address, normalise
from schemas.mail import Mailbox, ParsedMail

# The mailboxes of a header that is no part of `ParsedMail`, by its name.
MailboxesOf = Callable[[str], Sequence[Mailbox]]


@dataclass(slots=True)
class SenderAddress:
    """The address a mail is taken to come from. `address` is normalised, and empty where the mail names none.

    `header` is the one it stands in, empty if none; `reason` says why it is that one. `in_name_of`: the normalised
    address in From where another header says who wrote; of such a mail only From can be checked. Nobody changes one;
    frozen, it would be made five times as slowly.
    """

    address: str
    name: str
    header: str
    reason: str
    in_name_of: str = ""


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
            return replace(found[0], reason=f"From is the desk's own address: {found[0].header} names the author")
    for header, mailbox in _candidates(mail, mailboxes_of):
        address = _usable(mailbox.address)
        if address:
            reason = (
                "the author, as From says" if header == "From" else f"{_why_not_from(mail)}: {header} is used instead"
            )
            return SenderAddress(address, mailbox.name or name, header, reason)
    return SenderAddress("", name, "", f"{_why_not_from(mail)}, and no other header names a sender")


def who_wrote(mail: ParsedMail, mailboxes_of: MailboxesOf, own_addresses: frozenset[str]) -> tuple[SenderAddress, ...]:
    """Whoever may have written a mail in the name of the one in From, best first: nobody with an address of the desk's.

    Whether From writes for others is for the settings to say.
    """
    named = [
        (header, boxes)
        for header in _WROTE
        if (boxes := mail.reply_to if header == "Reply-To" else mailboxes_of(header))
    ]
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
                reason = f"{in_name_of} sends for others, by the incoming server: {header} names the author"
                found.append(SenderAddress(address, name, header, reason, in_name_of))
    return tuple(found)


def is_one_of(address: str, patterns: Collection[str]) -> bool:
    """Whether a normalised address, or its whole domain (`@example.com`), is one of the settings' patterns."""
    return bool(address) and (address in patterns or address[address.rfind("@") :] in patterns)


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
    return "From is missing" if mail.from_ is None else "From has no usable address"
