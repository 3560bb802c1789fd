"""The machine-readable reports: delivery status (RFC 3464), read receipts (RFC 8098), complaints (RFC 5965)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from resolver.parsing import Parsed, Part
from resolver.parsing.headers import split_headers
from resolver.parsing.message_ids import first_id
from resolver.screening.finding import Finding, header_evidence
from schemas.mail import Bounce, Defect
from schemas.reasons import Reason

_MAX_REPORT = 256 << 10
_MAX_RECIPIENTS = 500
DELIVERY_STATUS = frozenset({"message/delivery-status", "message/global-delivery-status", "text/delivery-status"})
_DISPOSITION = frozenset({"message/disposition-notification", "message/global-disposition-notification"})
_FEEDBACK = frozenset({"message/feedback-report"})
RETURNED = frozenset({"message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers",
    "text/rfc822",
                      "message/global-headers", "message/partial"})  # fmt: skip
_FIELD = re.compile(r"^([A-Za-z][A-Za-z0-9-]*)[ \t]*:[ \t]*(.*(?:\n[ \t]+.*)*)$", re.MULTILINE)
# RFC 3463; an IP address is none.
ENHANCED_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_READ_SUBJECT = re.compile(r"(?i)^\s*(?:(?:not )?read|gelesen|ungelesen|lu|non lu|leído|letto|gelezen)\s*:")
_READ_TEXT = re.compile(
    r"(?is)^\s*(?:this is a receipt for the mail you sent|your message\b.{0,600}?\bwas (?:read|deleted without)|"
    r"ihre nachricht\b.{0,600}?\bwurde (?:.{0,60} )?(?:gelesen|gelöscht)|das ist eine empfangsbestätigung)"
)
_GOOD_ACTIONS = frozenset({"delivered", "relayed", "expanded"})
_BAD_ACTIONS = frozenset({"failed", "delayed"})


@dataclass(frozen=True, slots=True)
class _Recipient:
    address: str
    action: str
    status: str | None


def find_part(parsed: Parsed, types: frozenset[str]) -> Part | None:
    """The first part of one of these types."""
    return next((part for part in parsed.root.walk() if part.content_type in types), None)


def is_report(parsed: Parsed, report_type: str) -> bool:
    """Whether the mail as a whole is a report of this type. A mail that only has such a part may be a forwarded one."""
    root = parsed.root
    return root.content_type == "multipart/report" and root.params.get("report-type", "").lower() in (report_type, "")


def delivery_report(parsed: Parsed, part: Part) -> Finding:
    """What a delivery-status part says. Failed or delayed: a bounce; delivered, relayed or expanded: a receipt."""
    recipients = tuple(_recipients(part))
    about = returned_id(parsed)
    evidence = header_evidence("Content-Type", part.content_type)
    bad = [r for r in recipients if _is_bad(r)]
    if recipients and not bad:
        return Finding(Reason.RECEIPT, f"{evidence}, Action: {recipients[0].action}", about=_ids(about))
    failed = next((r for r in bad if r.action != "delayed"), bad[0] if bad else None)
    addresses = tuple(dict.fromkeys(r.address for r in recipients if r.address))
    bounce = Bounce(recipients=addresses, status=failed.status if failed else None, original_message_id=about)
    return Finding(Reason.BOUNCE, f"{evidence}, Action: {failed.action if failed else ''}", bounce, _ids(about))


def read_receipt(parsed: Parsed) -> Finding | None:
    """RFC 8098: displayed, deleted, processed, whatever the disposition; and those of Outlook in its own form."""
    if not is_report(parsed, "disposition-notification"):
        return _receipt_in_words(parsed)
    part = find_part(parsed, _DISPOSITION)
    if part is None and parsed.root.params.get("report-type", "").lower() != "disposition-notification":
        return None
    fields = dict(_fields(_text(part))) if part else {}
    about = _ids(first_id(fields.get("original-message-id"), set()) or returned_id(parsed))
    if "reject" in (parsed.headers.get("auto-submitted") or "").lower():  # Sieve's `reject` (RFC 5429, section 2.2.1)
        recipient = _address(fields.get("final-recipient", ""))
        found = Bounce(recipients=_ids(recipient), original_message_id=about[0] if about else None)
        return Finding(Reason.BOUNCE, "Auto-Submitted: auto-replied (rejected)", found, about)
    about += parsed.mail.in_reply_to + parsed.mail.references
    return Finding(Reason.RECEIPT, "Content-Type: multipart/report; report-type=disposition-notification", about=about)


def _receipt_in_words(parsed: Parsed) -> Finding | None:
    """Outlook's and Outlook Express's receipts without the report: their class, or their subject with their text."""
    about = parsed.mail.in_reply_to + parsed.mail.references
    content_class = parsed.headers.get("content-class") or ""
    if content_class.lower().endswith(":mdn"):
        return Finding(Reason.RECEIPT, header_evidence("Content-Class", content_class), about=about)
    if _READ_SUBJECT.match(parsed.mail.subject) and _READ_TEXT.match(parsed.mail.text):
        return Finding(Reason.RECEIPT, header_evidence("Subject", parsed.mail.subject), about=about)
    return None


def complaint(parsed: Parsed) -> Finding | None:
    """RFC 5965, and Outlook.com's reports, which are the complained-about mail with a header of their own."""
    part = find_part(parsed, _FEEDBACK)
    if part is not None and parsed.root.content_type == "multipart/report":
        fields = dict(_fields(_text(part)))
        evidence = header_evidence("Feedback-Type", fields.get("feedback-type", ""))
        return Finding(Reason.COMPLAINT, evidence, about=_ids(returned_id(parsed)))
    for name in ("x-hmxmroriginalrecipient", "feedback-type"):
        if name in parsed.headers:
            return Finding(Reason.COMPLAINT, header_evidence(name, ""), about=_ids(returned_id(parsed)))
    return None


def returned_id(parsed: Parsed) -> str | None:
    """Message-ID of the mail that a report returns, or of which it returns the headers."""
    for part in parsed.root.walk():
        if part.content_type not in RETURNED or part is parsed.root:
            continue
        headers, _ = split_headers(part.content(set()).lstrip(b"\r\n")[:_MAX_REPORT], set())
        message_id = first_id(headers.get("message-id"), set())
        if message_id:
            return message_id
    return None


def _ids(value: str | None) -> tuple[str, ...]:
    return (value,) if value else ()


def _text(part: Part) -> str:
    defects: set[Defect] = set()
    return part.content(defects)[:_MAX_REPORT].decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


def _fields(text: str) -> Iterator[tuple[str, str]]:
    for match in _FIELD.finditer(text):
        yield match[1].lower(), " ".join(match[2].split())


def _recipients(part: Part) -> Iterator[_Recipient]:
    """The groups of fields about one recipient each. Some systems leave out the blank lines between them."""
    count = 0
    for block in re.split(r"\n[ \t]*\n", _text(part)):
        group: dict[str, str] = {}
        for name, value in _fields(block):
            if name in group and name in ("final-recipient", "original-recipient"):
                yield _recipient(group)
                group = {}
            group.setdefault(name, value)
        if group.keys() & {"final-recipient", "original-recipient", "action"}:
            yield _recipient(group)
            count += 1
        if count >= _MAX_RECIPIENTS:
            return


def _recipient(group: dict[str, str]) -> _Recipient:
    original, final = (_address(group.get(name, "")) for name in ("original-recipient", "final-recipient"))
    address = original if "@" in original else final or original
    status = ENHANCED_STATUS.search(group.get("status", "")) or ENHANCED_STATUS.search(group.get("diagnostic-code", ""))
    action = re.match(r"[a-z]*", group.get("action", "").strip().lower())
    return _Recipient(address, action[0] if action else "", status[1] if status else None)


def _address(value: str) -> str:
    """`rfc822; <a@example.org>` -> `a@example.org`."""
    kind, found, address = value.partition(";")
    address = address if found else kind
    bracketed = re.search(r"<([^<>]*)>", address)
    return (bracketed[1] if bracketed else address).strip().strip("\"' ")


def _is_bad(recipient: _Recipient) -> bool:
    if recipient.action in _GOOD_ACTIONS:
        return False
    return recipient.action in _BAD_ACTIONS or not (recipient.status or "").startswith("2")
