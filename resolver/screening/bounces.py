"""Delivery reports: by RFC 3464, and what mail systems wrote before and beside it."""

import logging
import re
from collections.abc import Iterator, Sequence
from email import message_from_bytes

from flufl.bounce import all_failures

from resolver.parsing import Parsed
from resolver.parsing.subject_prefixes import is_forward
from resolver.screening.auto_replies import automatic, generated, in_thread
from resolver.screening.bounce_words import BODY, LATE, RETRIED, SUBJECT
from resolver.screening.delivery_status import DELIVERY_STATUS, delivery_report, said_of, status_fields
from resolver.screening.finding import Finding, header_evidence
from resolver.screening.mail_systems import (
    asks,
    by_a_person,
    is_system_name,
    no_path,
    of_a_mail_system,
    sender_kind,
)
from resolver.screening.reports import find_part
from resolver.screening.returned import ADDRESS, MAX_TEXT, Returned, addresses_in, own_ids, returned_mail
from schemas.addresses import MAX_ADDRESS
from schemas.ids import OWN_MESSAGE_ID
from schemas.mail import Bounce, Undelivered
from schemas.reasons import Reason
from schemas.undelivered import ENHANCED_STATUS, status_in, trouble_of

# It logs tracebacks of what is no fault of the process. `disabled` would not last: logging.config enables all anew.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)

_MAX_LINES = 2_000
_MAX_UNDELIVERED = 50  # whom a report names in words
# Where the returned mail begins inside the text.
_RETURNED_BELOW = re.compile(
    r"^(?:-{2,}[^\n]*(?:copy of|original message|returned message|message header|unsent message|undelivered message|"
    r"body of message|this line is a copy|your message|headers|nachricht|message follows)[^\n]*"
    r"|return-path:[^\n]*|received: [^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
# Fields of the returned mail, or those that Exchange shows of it.
_RETURNED_FIELD = re.compile(
    r"^[> \t|]*(from|to|subject|date|sent|message-id|received|return-path):[ \t]+\S", re.I | re.M
)
_POSTMASTER = re.compile(r"(?i)post[-_]?master(?:\+[^@]*)?@")  # the address that RFC 5321 reserves
_MESSAGE_ID = re.compile(r"^[> \t|]*(?:x-)?(?:original-)?message-id:\s*(<[^<>\s]+>)", re.IGNORECASE | re.MULTILINE)
_REPORTED = re.compile(r"^[ \t]*<([^<>\s]{3,320})>:", re.MULTILINE)  # as Postfix and qmail have it
_LISTED = re.compile(
    rf"^[ \t>*-]*(?:to:?[ \t]+)?<?(?:mailto:|smtp:|rfc822;)?({ADDRESS})(?![\w-]|\.\w)>?[ \t]*(?:[:(.,;<].*|on .*)?$",
    re.IGNORECASE | re.MULTILINE,
)


def bounce(parsed: Parsed) -> Finding | None:
    """A delivery report, by the standard or in words.

    Words count only where the sender is a mail system: what a person forwards is a person's. And people bear addresses
    and names that look like a mail system's: there something must show that a mail is reported on.
    """
    failed = parsed.headers.get("x-failed-recipients")
    marked = _marked_bounce(parsed, failed)
    kind = sender_kind(parsed)
    if marked is not None or not kind:
        return marked
    returned = returned_mail(parsed)
    back = _comes_back(parsed, returned)
    ours = back and returned is not None and _is_ours(parsed, returned)
    if kind == "postmaster" and not _reports(parsed, returned):
        return None
    is_status = find_part(parsed, DELIVERY_STATUS) is not None
    fields = status_fields(parsed) if kind != "null" or ours or (is_status and not in_thread(parsed)) else None
    if fields is not None:
        return _with_words(parsed, delivery_report(parsed, *fields))
    subject, text = parsed.mail.subject, parsed.mail.text[:MAX_TEXT]
    told = bool(SUBJECT.match(subject))
    if told and (kind == "daemon" or back or not text.strip() or _says_why(parsed, text)):
        return _finding(parsed, header_evidence("Subject", subject))
    if kind == "daemon" or (kind == "postmaster" and _by_itself(parsed, back, ours)):
        return _finding(parsed, header_evidence("From", parsed.mail.from_.address if parsed.mail.from_ else ""))
    if kind == "null" and ours:
        return _finding(parsed, header_evidence("Return-Path", parsed.headers.get("return-path") or ""))
    return None


def _says_why(parsed: Parsed, text: str) -> bool:
    """Whether the text is a report's: its words are not enough, it names somebody or the reply of a server."""
    if BODY.search(text) and (status_in(text) or _names_another(parsed, text)):
        return True
    return bool(_known_failures(parsed))


def _names_another(parsed: Parsed, text: str) -> bool:
    """Whether a text holds an address other than those of who sends it and whom it goes to."""
    sender = parsed.mail.from_.address if parsed.mail.from_ else ""
    own = {sender.lower(), *(box.address.lower() for box in parsed.mail.to)}
    return any(address.lower() not in own for address in addresses_in(text))


def _by_itself(parsed: Parsed, back: bool, ours: bool) -> bool:
    """Whether a mail from a postmaster is a report although its subject does not say so.

    Where nothing tells of the envelope sender, a person would have a name.
    """
    if no_path(parsed) or automatic(parsed):
        return back or _tells(parsed, parsed.mail.text[:2000])
    sender = parsed.mail.from_
    return ours and sender is not None and _POSTMASTER.match(sender.address) is not None and is_system_name(sender.name)


def _tells(parsed: Parsed, text: str) -> bool:
    """Whether a postmaster's words are a report's: known ones; in any language, a reply or somebody else's address."""
    named, code = _names_another(parsed, text), bool(status_in(text))
    if BODY.search(text) and (named or code):
        return True
    sender = parsed.mail.from_.address if parsed.mail.from_ else ""
    return bool(no_path(parsed) and _POSTMASTER.match(sender)) and named and (code or not automatic(parsed))


def _comes_back(parsed: Parsed, returned: Returned | None) -> bool:
    """Whether a mail comes back, and not from somebody to whom it went: he answers it. So does who quotes a little."""
    sender = parsed.mail.from_.address.lower() if parsed.mail.from_ else ""
    return returned is not None and sender not in returned.recipients and (returned.traced or not in_thread(parsed))


def _is_ours(parsed: Parsed, returned: Returned) -> bool:
    """Whether the returned mail is from whom the notice goes to."""
    if any(OWN_MESSAGE_ID.match(message_id) for message_id in returned.ids[:1]):
        return True
    return not returned.senders.isdisjoint(box.address.lower() for box in (*parsed.mail.to, *parsed.mail.cc))


def _reports(parsed: Parsed, returned: Returned | None) -> bool:
    """Whether a mail system sent it by itself; where nothing tells, whether a mail is returned, and none answered.

    There it must not look as if somebody wrote it, either.
    Whoever has an envelope sender wants to be told of failures, and a report must not be (RFC 5321, section 4.5.5).
    """
    if no_path(parsed):
        return True
    if is_forward(parsed.mail.subject):
        return False
    if automatic(parsed):
        return not (generated(parsed) and asks(parsed))
    if "return-path" in parsed.headers or in_thread(parsed) or by_a_person(parsed):
        return False
    if returned is not None or find_part(parsed, DELIVERY_STATUS) is not None or of_a_mail_system(parsed):
        return True
    fields = _RETURNED_FIELD.findall(parsed.mail.text[:MAX_TEXT])
    return len({field.lower() for field in fields}) > 1


def _marked_bounce(parsed: Parsed, failed: str | None) -> Finding | None:
    """`multipart/report`, and Exim's and Gmail's header."""
    if parsed.root.content_type == "multipart/report":
        is_status = parsed.root.params.get("report-type", "").lower() == "delivery-status"
        fields = status_fields(parsed) if is_status or find_part(parsed, DELIVERY_STATUS) is not None else None
        if fields is not None:
            return _with_words(parsed, delivery_report(parsed, *fields))
        if is_status:
            return _finding(parsed, "Content-Type: multipart/report; report-type=delivery-status")
    return None if failed is None else _finding(parsed, header_evidence("X-Failed-Recipients", failed), failed)


def _with_words(parsed: Parsed, finding: Finding) -> Finding:
    """A report whose fields name nobody: what its words say."""
    if finding.bounce is None or finding.bounce.recipients:
        return finding
    failed = parsed.headers.get("x-failed-recipients") or ""
    return _finding(parsed, finding.evidence, failed, finding.bounce)


def _finding(parsed: Parsed, evidence: str, failed: str = "", fields: Bounce | None = None) -> Finding:
    """What the words say; of fields that name nobody, what they say of all."""
    text = parsed.mail.text[:MAX_TEXT]
    returned = returned_mail(parsed)
    report = _report_of(text, returned)
    inline = _MESSAGE_ID.search(text)
    ids = returned.ids if returned else tuple(own_ids(text))[:1]
    about = ids[0] if ids else (inline[1] if inline else None) or _answered(parsed)
    recipients = _recipients(parsed, report, returned, failed)
    code = (fields and fields.status) or status_in(report)
    late = _is_late(parsed.mail.subject, report, fields)
    found = Bounce(
        recipients=recipients,
        status=code or None,
        original_message_id=about,
        undelivered=tuple(_undelivered(report, recipients, code, late)),
    )
    return Finding(Reason.BOUNCE, evidence, found, ids or ((about,) if about else ()))


def _report_of(text: str, returned: Returned | None) -> str:
    """The text less the returned mail. Some systems show its fields first, and what became of it behind them."""
    below = _RETURNED_BELOW.search(text, min(len(text), 20))
    start = min(below.start() if below else len(text), returned.start if returned else len(text))
    if returned is None or next(addresses_in(text[:start]), None):
        return text[:start]
    behind = text[returned.end :]
    return text[:start] + behind if any(one in behind.lower() for one in returned.recipients) else text[:start]


def _recipients(parsed: Parsed, report: str, returned: Returned | None, failed: str) -> tuple[str, ...]:
    """Whom it names: in the header, of those to whom the returned mail went, by a known format, in a list, at all."""
    in_header = tuple(dict.fromkeys(addresses_in(failed)))
    if in_header:
        return in_header
    sent_to = returned.recipients if returned else ()
    own = {box.address.lower() for box in (*parsed.mail.to, *((parsed.mail.from_,) if parsed.mail.from_ else ()))}
    own.update(returned.senders if returned else ())
    named = tuple(dict.fromkeys(address for address in addresses_in(report) if address.lower() not in own))
    theirs = tuple(address for address in named if address.lower() in sent_to)
    if theirs:
        reported = set(_REPORTED.findall(report))
        return tuple(one for one in named if one in theirs or one in reported)
    known = _known_failures(parsed)
    # flufl.bounce reads a returned mail's own ids and addresses as well.
    told = tuple(address for address in known if address.lower() in report.lower())
    listed = dict.fromkeys(found[1] for found in _LISTED.finditer(report))
    return told or tuple(one for one in listed if one.lower() not in own) or known or named[:1] or sent_to


def _is_late(subject: str, report: str, fields: Bounce | None) -> bool:
    """Whether the mail is tried again."""
    if fields is not None and fields.undelivered:
        return not any(one.final for one in fields.undelivered)
    return LATE.search(subject) is not None or RETRIED.search(report[:2000]) is not None


def _undelivered(report: str, recipients: Sequence[str], code: str, late: bool) -> Iterator[Undelivered]:
    """Of a report in words. What it says as a whole it says of everybody, unless it says more of one of several."""
    whole = report if len(recipients) < 2 else ""
    for recipient in recipients[:_MAX_UNDELIVERED] or ("",):
        reply = said_of(report, recipient)
        own = ENHANCED_STATUS.search(reply)
        yield Undelivered(
            recipient=recipient[:MAX_ADDRESS],
            final=not late,
            trouble=trouble_of(reply or whole, code),
            status=own[1] if own else (whole and code) or status_in(reply) or code,
        )


def _answered(parsed: Parsed) -> str | None:
    """Gmail and Exchange name the returned mail as the one that they answer to."""
    ids = parsed.mail.in_reply_to or parsed.mail.references[-1:]
    return ids[0] if ids else None


def _known_failures(parsed: Parsed) -> tuple[str, ...]:
    """What flufl.bounce knows of the format, in the order of the report; nothing where it fails on a damaged one."""
    raw = b"\n".join(parsed.root.raw[:MAX_TEXT].split(b"\n", _MAX_LINES)[:_MAX_LINES])
    try:
        temporary, permanent = all_failures(message_from_bytes(raw))
    except Exception:  # its detectors, like `email`, raise anything on bytes that they were not made for
        return ()
    addresses = {address.decode("utf-8", "replace").strip() for address in (*temporary, *permanent)}
    return tuple(sorted(addresses - {""}, key=lambda a: (raw.find(a.encode()), a)))
