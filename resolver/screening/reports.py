"""The machine-readable reports beside delivery status: read receipts (RFC 8098), complaints (RFC 5965)."""

import re
from collections.abc import Iterator

from resolver.parsing import Parsed, Part
from resolver.parsing.headers import split_headers
from resolver.parsing.message_ids import first_id
from resolver.screening.auto_replies import in_thread, null_path
from resolver.screening.finding import Finding, header_evidence
from schemas.addresses import MAX_ADDRESS
from schemas.mail import Bounce, Defect, Undelivered
from schemas.reasons import Reason
from schemas.undelivered import Trouble

_MAX_REPORT = 256 << 10
_DISPOSITION = frozenset({"message/disposition-notification", "message/global-disposition-notification"})
_FEEDBACK = frozenset({"message/feedback-report"})
RETURNED = frozenset({"message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers",
    "text/rfc822",
                      "message/global-headers", "message/partial"})  # fmt: skip
_FIELD = re.compile(r"^([A-Za-z][A-Za-z0-9-]*)[ \t]*:[ \t]*(.*(?:\n[ \t]+.*)*)$", re.MULTILINE)
# Receipts in words, as Outlook and Outlook Express write them.
_READ_SUBJECT = re.compile(
    r"(?i)^\s*(?:(?:not )?read|gelesen|ungelesen|lu|non lu|leído|no leído|letto|non letto|gelezen|niet gelezen|lida?|"
    r"läst|læst|lest|luettu|przeczytane|odczytano|přečteno|прочитано|прочтено|okundu|開封済み|已读|已讀|읽음)\s*[:：]"
)
_READ_TEXT = re.compile(
    r"(?is)^\s*(?:this is a receipt for the mail you sent|your message\b.{0,600}?\bwas (?:read|deleted without)|"
    r"ihre nachricht\b.{0,600}?\bwurde (?:.{0,60} )?(?:gelesen|gelöscht)|das ist eine empfangsbestätigung)"
)
# The fields of the mail that was read, as a receipt in words shows them: `  To: Desk`, `  Betreff: Drucker`.
_READ_FIELD = re.compile(r"(?m)^[ \t]*[^\W\d_]{1,20}[ \t]?[:：][ \t]+\S")
_READ_SEEN = 1_000


def find_part(parsed: Parsed, types: frozenset[str]) -> Part | None:
    """The first part of one of these types."""
    return next((part for part in parsed.root.walk() if part.content_type in types), None)


def is_report(parsed: Parsed, report_type: str) -> bool:
    """Whether the mail as a whole is a report of this type. A mail that only has such a part may be a forwarded one."""
    root = parsed.root
    return root.content_type == "multipart/report" and root.params.get("report-type", "").lower() in (report_type, "")


def read_receipt(parsed: Parsed) -> Finding | None:
    """RFC 8098: displayed, deleted, processed, whatever the disposition; and those of Outlook in its own form."""
    if not is_report(parsed, "disposition-notification"):
        return _receipt_in_words(parsed)
    part = find_part(parsed, _DISPOSITION)
    if part is None and parsed.root.params.get("report-type", "").lower() != "disposition-notification":
        return None
    fields = dict(fields_of(text_of(part))) if part else {}
    about = ids_of(first_id(fields.get("original-message-id"), set()) or returned_id(parsed))
    if "reject" in (parsed.headers.get("auto-submitted") or "").lower():  # Sieve's `reject` (RFC 5429, section 2.2.1)
        recipient = address_of(fields.get("final-recipient", ""))
        found = Bounce(
            recipients=ids_of(recipient),
            original_message_id=about[0] if about else None,
            undelivered=(Undelivered(recipient=recipient[:MAX_ADDRESS], trouble=Trouble.POLICY),),
        )
        return Finding(Reason.BOUNCE, "Auto-Submitted: auto-replied (rejected)", found, about)
    about += parsed.mail.in_reply_to + parsed.mail.references
    return Finding(Reason.RECEIPT, "Content-Type: multipart/report; report-type=disposition-notification", about=about)


def _receipt_in_words(parsed: Parsed) -> Finding | None:
    """Outlook's and Outlook Express's receipts without the report: their class, or their subject with their text."""
    about = parsed.mail.in_reply_to + parsed.mail.references
    content_class = parsed.headers.get("content-class") or ""
    if content_class.lower().endswith(":mdn"):
        return Finding(Reason.RECEIPT, header_evidence("Content-Class", content_class), about=about)
    if _READ_SUBJECT.match(parsed.mail.subject) and _tells_of_reading(parsed):
        return Finding(Reason.RECEIPT, header_evidence("Subject", parsed.mail.subject), about=about)
    return None


def _tells_of_reading(parsed: Parsed) -> bool:
    """Of two signs one is not enough: the words, and either an answered mail or the fields of the one that was read.

    In other languages both of the latter. People write `Read: error on drive D`, too.
    """
    text = parsed.mail.text
    words = _READ_TEXT.match(text) is not None
    fields = len(_READ_FIELD.findall(text[:_READ_SEEN]))
    answers = in_thread(parsed) or null_path(parsed)
    return (answers or fields > 0) if words else (answers and fields > 1)


def complaint(parsed: Parsed) -> Finding | None:
    """RFC 5965, and Outlook.com's reports, which are the complained-about mail with a header of their own."""
    part = find_part(parsed, _FEEDBACK)
    if part is not None and parsed.root.content_type == "multipart/report":
        fields = dict(fields_of(text_of(part)))
        evidence = header_evidence("Feedback-Type", fields.get("feedback-type", ""))
        return Finding(Reason.COMPLAINT, evidence, about=ids_of(returned_id(parsed)))
    for name in ("x-hmxmroriginalrecipient", "feedback-type"):
        if name in parsed.headers:
            return Finding(Reason.COMPLAINT, header_evidence(name, ""), about=ids_of(returned_id(parsed)))
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


def ids_of(value: str | None) -> tuple[str, ...]:
    return (value,) if value else ()


def text_of(part: Part) -> str:
    """The part's text, with plain line ends; of a long one its beginning."""
    defects: set[Defect] = set()
    return part.content(defects)[:_MAX_REPORT].decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


def fields_of(text: str) -> Iterator[tuple[str, str]]:
    """The fields of a report, unfolded, each name in lower case."""
    for match in _FIELD.finditer(text):
        yield match[1].lower(), " ".join(match[2].split())


def address_of(value: str) -> str:
    """`rfc822; <a@example.org>` -> `a@example.org`."""
    kind, found, address = value.partition(";")
    address = address if found else kind
    bracketed = re.search(r"<([^<>]*)>", address)
    return (bracketed[1] if bracketed else address).strip().strip("\"' ")
