"""Receipts of what was read: by RFC 8098, and what mail programs wrote before and beside it."""

import re

from resolver.parsing import Parsed
from resolver.parsing.message_ids import first_id
from resolver.screening.auto_replies import in_thread, null_path
from resolver.screening.finding import Finding, header_evidence
from resolver.screening.mail_systems import by_itself
from resolver.screening.receipts_in_words import may_be_of_receipt, read_in_words
from resolver.screening.reports import address_of, fields_beside, fields_of, find_part, ids_of, is_report, text_of
from resolver.screening.returned import returned_ids
from schemas.addresses import MAX_ADDRESS
from schemas.mail import Bounce, Undelivered
from schemas.reasons import Reason
from schemas.undelivered import Trouble

_DISPOSITION = frozenset({"message/disposition-notification", "message/global-disposition-notification"})
# The form of Mozilla's programs, which nobody writes by hand: `Return Receipt (displayed) - Printer`.
_RECEIPT_SUBJECT = re.compile(r"^\s*[^\W\d_][\w' ’-]{1,40} ?[(（][\w ’'-]{2,30}[)）] - \S")


def read_receipt(parsed: Parsed) -> Finding | None:
    """RFC 8098: displayed, deleted, processed, whatever the disposition; and those of Outlook in its own form."""
    if not is_report(parsed, "disposition-notification"):
        return _without_report(parsed)
    part = find_part(parsed, _DISPOSITION)
    fields = dict(fields_of(text_of(part))) if part else fields_beside(parsed, _DISPOSITION, "disposition")
    if part is None and not fields and not parsed.root.params.get("report-type"):
        return None
    about = _about(parsed, fields)
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


def _about(parsed: Parsed, fields: dict[str, str]) -> tuple[str, ...]:
    return ids_of(first_id(fields.get("original-message-id"), set())) or returned_ids(parsed)[:1]


def _without_report(parsed: Parsed) -> Finding | None:
    """Outlook's and Outlook Express's receipts: their class, their fields, or their subject with their text."""
    about = parsed.mail.in_reply_to + parsed.mail.references
    content_class = parsed.headers.get("content-class") or ""
    if content_class.lower().endswith(":mdn"):
        return Finding(Reason.RECEIPT, header_evidence("Content-Class", content_class), about=about)
    subject = parsed.mail.subject
    alone, part = by_itself(parsed), find_part(parsed, _DISPOSITION)
    if alone or part is not None:
        fields = fields_beside(parsed, _DISPOSITION, "disposition", "final-recipient")
        known = _of_the_sender(parsed, fields) or (alone and (part is not None or in_thread(parsed)))
        if "mdn-sent" in fields.get("disposition", "").lower() and known:
            evidence = header_evidence("Disposition", fields["disposition"])
            return Finding(Reason.RECEIPT, evidence, about=_about(parsed, fields) + about)
    if may_be_of_receipt(subject) and read_in_words(subject, parsed.mail.text, in_thread(parsed) or null_path(parsed)):
        return Finding(Reason.RECEIPT, header_evidence("Subject", subject), about=about)
    if alone and in_thread(parsed) and _RECEIPT_SUBJECT.match(subject):
        return Finding(Reason.RECEIPT, header_evidence("Subject", subject), about=about)
    return None


def _of_the_sender(parsed: Parsed, fields: dict[str, str]) -> bool:
    """Whether who sends it is who read the mail. Somebody who passes a receipt on is not."""
    sender = parsed.mail.from_.address.lower() if parsed.mail.from_ else ""
    return sender == address_of(fields.get("final-recipient", "")).lower()
