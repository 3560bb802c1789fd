"""Parses any bytes into a message: headers, text, reply, HTML and files, with the defects found on the way.

One reader of our own on the raw bytes, so that each field has one meaning (docs/parsing.md,
    docs/adr/0004-own-mime-reader.md).
"""

from resolver.parsing.addresses import parse_addresses
from resolver.parsing.body import Body, read_body
from resolver.parsing.dates import parse_date
from resolver.parsing.encoded_words import clean_line, header_text
from resolver.parsing.headers import Headers, split_headers
from resolver.parsing.message_ids import all_ids, first_id
from resolver.parsing.part import Parsed, Part
from resolver.parsing.reply import reply_of
from resolver.parsing.structure import read_structure
from schemas.mail import Defect, Mailbox, ParsedMail

# What a fault of our own code can raise on a mail that it was not made for; memory and interrupts are not caught.
_UNEXPECTED = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)

__all__ = ["Headers", "Parsed", "Part", "parse"]


def parse(raw: bytes) -> Parsed:
    """The mail that these bytes hold. Never raises, whatever the bytes; its cost grows with their number, no faster.

    Should the reader itself fail on a mail, the result says `unparsed` and holds what the headers say: the raw mail is
    then kept with the call.
    """
    found: set[Defect] = set()
    if b"\n" not in raw and b"\r" in raw:
        found.add(Defect.BARE_CR)
        raw = raw.replace(b"\r", b"\n")
    try:
        root = read_structure(raw, found)
        hint = root.headers.hint = _declared_charset(root)
        return _parse(root, read_body(root, hint, found), found)
    except _UNEXPECTED:
        found.add(Defect.UNPARSED)
    headers, start = split_headers(raw, set())
    return _parse(Part(raw, headers, "text/plain", {}, start, len(raw)), Body(), found)


def _parse(root: Part, body: Body, found: set[Defect]) -> Parsed:
    headers = root.headers
    hint = headers.hint
    from_ = parse_addresses(headers.raw_all("from"), hint, found)
    if not from_:
        found.add(Defect.NO_FROM)
    elif len(from_) > 1:
        found.add(Defect.SEVERAL_FROM)
    raw_subject = headers.raw("subject")
    subject = clean_line(header_text(raw_subject, hint, found)) if raw_subject else ""
    to = parse_addresses(headers.raw_all("to"), hint, found)
    cc = parse_addresses(headers.raw_all("cc"), hint, found)
    mail = ParsedMail(
        from_=from_[0] if from_ else None,
        to=to,
        cc=cc,
        reply_to=parse_addresses(headers.raw_all("reply-to"), hint, found),
        subject=subject,
        date=_date(headers, found),
        message_id=first_id(headers.get("message-id"), found),
        in_reply_to=all_ids(headers.all("in-reply-to")),
        references=all_ids(headers.all("references")),
        text=body.text,
        reply=_reply(body, subject, (*to, *cc)),
        html=body.html,
        attachments=tuple(file.attachment for file in body.files) if body.files else (),
        defects=tuple(defect for defect in Defect if defect in found) if found else (),
    )
    return Parsed(mail, tuple(body.files), headers, root)


def _date(headers: Headers, found: set[Defect]) -> str | None:
    text = headers.get("date")
    date = parse_date(text) if text else None
    if text and date is None:
        found.add(Defect.BAD_DATE)
    return date


def _reply(body: Body, subject: str, recipients: tuple[Mailbox, ...]) -> str:
    """The reply, from the text in which HTML quotations are marked; unmarked again where all of it stays."""
    reply = reply_of(body.quoted_text, subject, recipients)
    return body.text if reply == body.quoted_text else reply


def _declared_charset(root: Part) -> str | None:
    """The first charset that the mail declares for a text: the best guess for what it leaves undeclared."""
    for part in root.walk() if root.children else (root,):
        label = part.params.get("charset")
        if label and label.strip("\"' ").lower() not in ("us-ascii", "utf-8"):
            return label
    return None
