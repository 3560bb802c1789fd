"""Auto-replies without any header that says so: list managers, `vacation`, procmail's `formail`, fetchmail.

What gives them away is how such a mail is built. Each of the checks is about one kind of program; the first that
answers wins.
"""

import re
from collections.abc import Callable

from resolver.finding import Finding, header_evidence
from resolver.parsing import Parsed
from resolver.screening.auto_reply_headers import (
    SENDER_SEEN,
    generated,
    in_thread,
    machine_sign,
    precedence,
    through_list,
)
from resolver.screening.auto_reply_words import ABSENT_BODY, ABSENT_SUBJECT, ADMINISTRATION
from resolver.screening.folding import folded
from resolver.screening.reports import find_part
from schemas.addresses import MAX_ADDRESS, normalise
from schemas.mail import ParsedMail
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


# mlmmj writes from the list's own address, LIST+help@ or LIST+owner@; of what it sends by itself the envelope sender is
# another of the list's addresses, or the Message-ID is of its own make. A digest holds people's mails.
_LIST_ITSELF = re.compile(r"([^@+]{1,64})([+-])(?:owner|help)@([^@]+)")
_LIST_PATH = re.compile(r"([^@+]{1,64})\+bounces(?:-[^@]*)?@([^@]+)")
_MLMMJ_ID = re.compile(r"<\d{1,20}-\d{1,10}-mlmmj-[0-9a-f]{8}@")
_DIGEST = frozenset({"multipart/digest"})

# fetchmail's notices to whom it fetches for. Of a mail that came without headers it writes them anew: a person's words.
_FETCHMAIL = re.compile(r"(?i)fetchmail-daemon(?:@|$)")
_HEADERLESS = "Headerless mail from "

# Debian's vacation writes To, Subject and the text; what it answers is named in the text alone.
_VACATION_SUBJECT = "away from my mail"
_MAIL_PROGRAM = frozenset({"mime-version", "content-type", "user-agent", "x-mailer"})
_VACATION_TEXT = re.compile(r'(?i)\bmail concerning "|^\s*I will not be reading my mail for a while\b')
_OUR_SUBJECT = re.compile(r'"[^"\n]{0,40}\[[CTR]-[0-9]{6,18}[].]', re.ASCII)
_TEXT_SEEN = 4_000


def unmarked(parsed: Parsed) -> Finding | None:
    """The first finding of the checks below."""
    for check in _CHECKS:
        found = check(parsed)
        if found is not None:
            return found
    return None


def _list_service(parsed: Parsed) -> Finding | None:
    """Confirmations, answers to commands, probes and notices of mlmmj."""
    address, message_id = _from(parsed), parsed.mail.message_id or ""
    itself = _LIST_ITSELF.fullmatch(normalise(address)) if "+" in address or "-mlmmj-" in message_id else None
    if itself is None or find_part(parsed, _DIGEST) is not None:
        return None
    path = _LIST_PATH.fullmatch(_return_path(parsed))
    from_list = itself[2] == "+" and path is not None and (path[1], path[2]) == (itself[1], itself[3])
    if from_list or _MLMMJ_ID.match(message_id):
        return Finding(Reason.AUTO_REPLY, header_evidence("From", address))
    return None


def _fetchmail(parsed: Parsed) -> Finding | None:
    """Trouble with a mailbox that somebody has fetched."""
    address = _from(parsed)
    if not _FETCHMAIL.match(address) or parsed.mail.subject.startswith(_HEADERLESS):
        return None
    return Finding(Reason.AUTO_REPLY, header_evidence("From", address))


def _own_loop_mark(parsed: Parsed) -> Finding | None:
    """An answer whose X-Loop names the one in From: whoever made it did not want to answer itself (`formail -r -A`).

    Lists and forwarding people write an X-Loop of their own into the mails of others; service desks write one into
    what they generate.
    """
    if "x-loop" not in parsed.headers or not (parsed.mail.in_reply_to or parsed.mail.references):
        return None
    if "user-agent" in parsed.headers or "x-mailer" in parsed.headers or generated(parsed):
        return None
    address = normalise(_from(parsed))
    for value in parsed.headers.all("x-loop"):
        if address and normalise(value[:MAX_ADDRESS].strip(" <>")) == address:
            return Finding(Reason.AUTO_REPLY, header_evidence("X-Loop", value))
    return None


def _vacation(parsed: Parsed) -> Finding | None:
    """An absence note that answers nothing by its headers: vacation's own words, or our subject in quotation marks."""
    mail = parsed.mail
    bare = not (mail.in_reply_to or mail.references) and _MAIL_PROGRAM.isdisjoint(parsed.headers)
    if mail.subject.strip().lower() == _VACATION_SUBJECT:
        told = bare or _VACATION_TEXT.search(mail.text[:_TEXT_SEEN]) is not None
    else:
        told = bare and _OUR_SUBJECT.search(mail.text[:_TEXT_SEEN]) is not None and _tells_absence(mail)
    return Finding(Reason.AUTO_REPLY, header_evidence("Subject", mail.subject)) if told else None


def _tells_absence(mail: ParsedMail) -> bool:
    return bool(ABSENT_SUBJECT.search(mail.subject) or ABSENT_BODY.search(folded(mail.text, _TEXT_SEEN)))


def _from(parsed: Parsed) -> str:
    return parsed.mail.from_.address[:MAX_ADDRESS] if parsed.mail.from_ else ""


def _return_path(parsed: Parsed) -> str:
    return normalise((parsed.headers.get("return-path") or "")[: MAX_ADDRESS + 2].strip(" <>"))


_CHECKS: tuple[Callable[[Parsed], Finding | None], ...] = (_list_service, _fetchmail, _own_loop_mark, _vacation)
