"""Answers of list managers to commands, and what they say of a mail to a list."""

import re

from resolver.parsing import Parsed
from resolver.screening.auto_replies import SENDER_SEEN, generated, in_thread, machine_sign, precedence, through_list
from resolver.screening.auto_reply_words import ADMINISTRATION
from resolver.screening.finding import Finding, header_evidence
from schemas.reasons import Reason

# Their programs' own addresses. People have such names as well, so a second sign is needed.
_LIST_MANAGERS = re.compile(
    r"^(?:majordomo(?:-owner)?|listserv|listproc|sympa|mailman|ecartis|ezmlm|smartlist)@", re.IGNORECASE
)
# A list's own addresses, from which its manager writes; a team may have one, too, so what it says must fit.
_LIST_ROBOTS = re.compile(r"(?i)^[^@]+-(?:(?P<only>bounces|confirm)|request|owner|admin|help)(?:\+[^@]*)?@")
# What a program answers to a command that it was sent by mail.
_COMMAND_ANSWERED = re.compile(
    r"(?i)^\s*re:\s*(?:help|info|index|lists?|which|who|get|set|review|query|signoff|confirm|ok|(?:un)?subscribe)\b"
)


def list_manager(parsed: Parsed) -> Finding | None:
    """What such a program writes by itself, from an address of its own."""
    sender = parsed.mail.from_
    if sender is None:
        return None
    address, subject = sender.address[:SENDER_SEEN], parsed.mail.subject
    robot, manager = _LIST_ROBOTS.match(address), _LIST_MANAGERS.match(address)
    if not (robot or manager):
        return None
    known = ADMINISTRATION.search(subject) is not None
    if robot:
        known = known and _from_list(parsed, nobody_else=robot["only"] is not None)
    elif not known:
        answered = _COMMAND_ANSWERED.match(subject) is not None and not in_thread(parsed)
        known = answered or bool(generated(parsed) or machine_sign(parsed))
    return Finding(Reason.AUTO_REPLY, header_evidence("From", address)) if known else None


def _from_list(parsed: Parsed, nobody_else: bool) -> bool:
    """Whether a list sends it. `nobody_else` has that address; others are a team's, too, which posts to lists."""
    through, by_itself = through_list(parsed), bool(generated(parsed))
    if nobody_else:
        return through or by_itself
    return by_itself and (through or bool(precedence(parsed)))
