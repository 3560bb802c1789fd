"""Read receipts (MDNs): by RFC 8098, and as mail programs wrote them before and beside it, in many languages."""

import re

from resolver.finding import Finding, header_evidence
from resolver.parsing import Parsed
from resolver.parsing.message_ids import first_id
from resolver.screening.auto_reply_headers import in_thread, null_path
from resolver.screening.folding import folded
from resolver.screening.mail_systems import by_itself
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


# What they put before the subject of the mail that was read, or deleted unread.
_READ = (
    "read|not read|gelesen|ungelesen|nicht gelesen|gelezen|niet gelezen|gelees|lu|lue|non lu|non lue|leído|no leído|"
    "llegit|no llegit|lida|lido|não lida|não lido|letto|non letto|citit|necitit|läst|ej läst|inte läst|oläst|"
    "læst|ikke læst|ulæst|lest|ikke lest|ulest|lesið|ólesið|luettu|ei luettu|lukematta|loetud|lugemata|"
    "lasīts|izlasīts|nelasīts|skaityta|perskaityta|neskaityta|przeczytane|przeczytano|nieprzeczytane|odczytane|"
    "odczytano|přečteno|nepřečteno|prečítané|neprečítané|olvasva|olvasott|elolvasva|nem olvasott|prebrano|neprebrano|"
    "ni prebrano|pročitano|nije pročitano|прочитано|не прочитано|није прочитано|прочтено|не прочтено|прочетено|"
    "непрочетено|αναγνώστηκε|διαβάστηκε|δεν διαβάστηκε|okundu|okunmadı|נקרא|נקראה|לא נקרא|لم يقرأ|لم تتم القراءة|"
    "تم القراءة|تمت القراءة|مقروءة|غير مقروءة|خوانده شد|خوانده نشد|पढ़ा गया|อ่านแล้ว|ยังไม่ได้อ่าน|đã đọc|chưa đọc|"
    "dibaca|telah dibaca|belum dibaca|開封済み|既読|未開封|读取|已读|已读取|未读|讀取|已讀|已讀取|未讀|읽음|읽지 않음|"
    "irakurrita|lexuar|αναγνωσμένο|διαβασμένο|прочитане|прочитана|čitano|pročitana"
)
_TEXT = re.compile(
    r"(?is)^\s*(?:this is a receipt for the mail you sent|your message\b.{0,600}?\bwas (?:read|deleted without)|"
    r"ihre nachricht\b.{0,600}?\bwurde (?:.{0,60} )?(?:gelesen|gelöscht)|das ist eine empfangsbestätigung)"
)
# The fields of the mail that was read: `  To: Desk`, `  Betreff: Drucker`, `  받는 사람: 김`.
_FIELD = re.compile(r"(?m)^[ \t]*[^\s\d:：][^\n\d:：]{0,29}[:：][ \t]*(\S[^\n]*)$")
_SEEN = 1_000


def _small(text: str) -> str:
    return folded(text).casefold().replace("ı", "i").strip()


_KNOWN = frozenset(map(_small, _READ.split("|")))


def may_be_of_receipt(subject: str) -> bool:
    """Whether a closer look is worth it: words stand before the subject that was read."""
    return ":" in subject or not subject.isascii()


def read_in_words(subject: str, text: str, answers: bool) -> bool:
    """Whether a mail of this subject and text is such a receipt. `answers`: its headers tell that it answers a mail.

    Of two signs one is not enough: the words, and either an answered mail or the fields of the one that was read. In
    languages whose words are not known here both of the latter, one field being the subject. People write `Read: error
    on drive D`, too.
    """
    before, colon, read = folded(subject).partition(":")
    if not colon or _small(before) not in _KNOWN:
        return False
    fields = _FIELD.findall(text[:_SEEN])
    if _TEXT.match(text):
        return answers or bool(fields)
    return answers and len(fields) > 1 and any(_is_subject(folded(value).strip(), read.strip()) for value in fields)


def _is_subject(value: str, subject: str) -> bool:
    """Whole, or up to the end of the line on which a long one is wrapped."""
    return subject.startswith(value) and 2 * len(value) > len(subject)
