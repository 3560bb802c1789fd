"""Any bytes to a mail: headers, text, reply, HTML and files, with the defects that were stepped over.

One reader of our own on the raw bytes, so that each field has one meaning (docs/parsing.md, docs/adr/0004-own-mime-reader.md).
"""

from resolver.parsing.addresses import parse_addresses
from resolver.parsing.body import Body, read_body
from resolver.parsing.dates import parse_date
from resolver.parsing.headers import Headers
from resolver.parsing.message_ids import all_ids, first_id
from resolver.parsing.reply import reply_of
from resolver.parsing.result import File, Parsed
from resolver.parsing.structure import Part, read_structure
from resolver.parsing.words import clean_line, header_text
from schemas.mail import Defect, ParsedMail

__all__ = ["File", "Headers", "Parsed", "Part", "parse"]


def parse(raw: bytes) -> Parsed:
    """The mail that these bytes hold. Never raises, whatever the bytes; its cost grows with their number, no faster.

    Where our own reader meets what it was not made for, the result says so (`unparsed`) and holds what could be read of
    the header block: the raw mail is then kept with the call.
    """
    try:
        return _parse(raw)
    except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError, RecursionError):
        headers = Headers({})
        return Parsed(ParsedMail(defects=(Defect.UNPARSED,)), (), headers, Part(b"", headers, "text/plain", {}, 0, 0))


def _parse(raw: bytes) -> Parsed:
    found: set[Defect] = set()
    if b"\n" not in raw and b"\r" in raw:
        found.add(Defect.BARE_CR)
        raw = raw.replace(b"\r", b"\n")
    root = read_structure(raw, found)
    headers = root.headers
    hint = headers.hint = _declared_charset(root)
    body = read_body(root, hint, found)
    from_ = parse_addresses(headers.raw_all("from"), hint, found)
    if not from_:
        found.add(Defect.NO_FROM)
    elif len(from_) > 1:
        found.add(Defect.SEVERAL_FROM)
    subject = headers.raw("subject")
    subject_text = clean_line(header_text(subject, hint, found)) if subject else ""
    date_text = headers.get("date")
    date = parse_date(date_text) if date_text else None
    if date_text and date is None:
        found.add(Defect.BAD_DATE)
    message_id = first_id(headers.get("message-id"), found)
    mail = ParsedMail(
        from_=from_[0] if from_ else None,
        to=parse_addresses(headers.raw_all("to"), hint, found),
        cc=parse_addresses(headers.raw_all("cc"), hint, found),
        reply_to=parse_addresses(headers.raw_all("reply-to"), hint, found),
        subject=subject_text,
        date=date,
        message_id=message_id,
        in_reply_to=all_ids(headers.all("in-reply-to")),
        references=all_ids(headers.all("references")),
        text=body.text,
        reply=_reply(body, subject_text),
        html=body.html,
        attachments=tuple(file.attachment for file in body.files),
        defects=tuple(defect for defect in Defect if defect in found),
    )
    return Parsed(mail, tuple(body.files), headers, root)


def _reply(body: Body, subject: str) -> str:
    """The reply, from the text in which HTML quotations are marked; unmarked again where all of it stays."""
    reply = reply_of(body.quoted_text, subject)
    return body.text if reply == body.quoted_text else reply


def _declared_charset(root: Part) -> str | None:
    """The first charset that the mail declares for a text: the best guess for what it leaves undeclared."""
    for part in root.walk():
        label = part.params.get("charset")
        if label and label.strip("\"' ").lower() not in ("us-ascii", "utf-8"):
            return label
    return None
