"""Receipts without a report, as Outlook and Outlook Express write them in their languages."""

import re

from resolver.screening.folding import folded

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
