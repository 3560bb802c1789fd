"""The records that the resolver writes: `ResolvedMail` of bounded size, and `RejectedMail`.

Pure but for `keep`, which puts bytes into the blob store and answers with their key.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypedDict

from resolver.resolve import Examined, Resolution
from runtime.blobs import digest_of
from schemas.content import content_id, former_content_id
from schemas.events import REPORTS
from schemas.fetched import FetchedMail
from schemas.mail import Defect, ParsedMail
from schemas.reasons import Reason
from schemas.resolved_mail import REJECTED_SUBJECT, RejectedMail, ResolvedMail, StoredFile
from schemas.topics import MAIL_REJECTED, MAIL_RESOLVED
from schemas.wire import OutputRecord, encode

Keep = Callable[[bytes, str], str]  # the bytes and their SHA-256, hexadecimal
SOURCE = REPORTS


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a mail stands in its record: bytes of UTF-8, characters of the subject, numbers of the rest."""

    text: int
    reply: int
    html: int
    subject: int
    references: int
    attachments: int


# The first that gives a small enough record is used. Escapes make JSON up to six times as long as what it holds, so the
# last stays below the least limit whatever the characters are. What is cut stands whole in the files.
LIMITS = (
    Limits(text=256_000, reply=64_000, html=256_000, subject=10_000, references=100, attachments=1_000),
    Limits(text=32_000, reply=16_000, html=0, subject=1_000, references=20, attachments=0),
)


class SourceRecord(NamedTuple):
    """The fetched record that a record is made from.

    `versions`: of the settings it was decided with. `fetched_at`: when the record was published, where its producer
    said so. `since_0_1`: whether the desk may hold messages that 0.1 logged, under their former content ids.
    """

    fetched: FetchedMail
    raw: bytes
    key: str
    traceparent: str
    versions: dict[str, int]
    fetched_at: datetime | None
    since_0_1: bool


def resolved(
    origin: SourceRecord,
    examined: Examined,
    resolution: Resolution,
    template: str,
    keep: Keep,
    now: datetime,
    inline_bytes: int,
) -> OutputRecord:
    """A `mail.resolved` record with a value of less than `inline_bytes`; its files are kept when it returns."""
    for limits in LIMITS:
        mail = _resolved_mail(origin, examined, resolution, template, keep, limits)
        message = encode(MAIL_RESOLVED, origin.key or resolution.sender.address, mail, **context_of(origin, now))
        if len(message.value or b"") < inline_bytes:
            break
    return message


def rejected(origin: SourceRecord, examined: Examined, keep: Keep, now: datetime) -> OutputRecord:
    """A `mail.rejected` record. With a mail in quarantine stands all that is needed to release it."""
    screening, fetched = examined.screening, origin.fetched
    held = _held(origin, keep) if screening.reason is Reason.QUARANTINE else None
    mail = RejectedMail(
        mail_id=fetched.mail_id,
        server_id=fetched.server_id,
        reason=screening.reason or Reason.AUTO_REPLY,
        evidence=screening.evidence,
        message_id=examined.mail.message_id,
        bounce=screening.bounce,
        sender=examined.sender.address,
        subject=examined.mail.subject[:REJECTED_SUBJECT],
        received=fetched.received,
        blob=held.dataref if held else None,
    )
    known = held.extensions() if held else None
    return encode(
        MAIL_REJECTED, origin.key or examined.sender.address, mail, **context_of(origin, now), extensions=known
    )


class Context(TypedDict):
    id: str
    source: str
    time: datetime
    traceparent: str


def context_of(origin: SourceRecord, now: datetime) -> Context:
    """Every record made from a mail carries the mail's id: what comes again is known again."""
    return {"id": origin.fetched.mail_id, "source": SOURCE, "time": now, "traceparent": origin.traceparent}


def _held(origin: SourceRecord, keep: Keep) -> FetchedMail:
    """The fetched mail as a claim check: `mail.fetched` forgets it sooner than `mail.rejected` does."""
    fetched = origin.fetched
    if fetched.dataref:
        return fetched
    return fetched._replace(dataref=keep(fetched.raw, hashlib.sha256(fetched.raw).hexdigest()), raw=b"")


def _resolved_mail(
    origin: SourceRecord, examined: Examined, resolution: Resolution, template: str, keep: Keep, limits: Limits
) -> ResolvedMail:
    fetched, mail = origin.fetched, examined.mail
    # Without a Message-ID, or where its end is not here, a mail is never taken for another one.
    has_content_id = mail.message_id and fetched.truncated is None
    html_fits = mail.html is None or _fits(mail.html, limits.html)
    return ResolvedMail(
        mail_id=fetched.mail_id,
        server_id=fetched.server_id,
        received=fetched.received,
        size=fetched.size,
        sha256=fetched.sha256,
        message_id=mail.message_id,
        in_reply_to=mail.in_reply_to[: limits.references],
        references=mail.references[-limits.references :],
        subject=mail.subject[: limits.subject],
        text=_cut(mail.text, limits.text),
        reply=_cut(mail.reply, limits.reply),
        html=mail.html if html_fits else None,
        date=mail.date,
        defects=_defects(fetched, mail),
        files=tuple(_files(origin, examined, keep, limits)),
        sender=resolution.sender,
        fetched_at=origin.fetched_at,
        trust=resolution.trust.verdict,
        released=bool(fetched.released),
        content_id=content_id(fetched.server_id, origin.raw) if has_content_id else "",
        former_content_id=(
            former_content_id(fetched.server_id, origin.raw) if has_content_id and origin.since_0_1 else ""
        ),
        conversation=resolution.conversation,
        wanted=resolution.wanted,
        call_template=template,
        answerable=examined.answerable,
        settings_versions=origin.versions,
    )


def _files(origin: SourceRecord, examined: Examined, keep: Keep, limits: Limits) -> Iterator[StoredFile]:
    """Attachments, then what did not fit into the record, then the raw mail where it says more than all of these."""
    mail, files = examined.mail, examined.files
    if origin.fetched.truncated is not None:  # what was read is its beginning: the files in it may be cut in the middle
        yield from _whole_mail(origin.fetched)
        files = ()
    too_many = len(files) > limits.attachments
    for file in () if too_many else files:
        yield StoredFile(**dict(file.attachment), blob=keep(file.content, file.attachment.sha256))
    if not (_fits(mail.text, limits.text) and _fits(mail.reply, limits.reply)):
        yield _file("body.txt", "text/plain; charset=utf-8", mail.text.encode("utf-8", "replace"), keep)
    if mail.html is not None and not _fits(mail.html, limits.html):
        yield _file("body.html", "text/html; charset=utf-8", mail.html.encode("utf-8", "replace"), keep)
    unread = (Defect.UNPARSED in mail.defects or Defect.TOO_LONG in mail.defects) and not origin.fetched.wholeref
    if too_many or unread:
        yield _file("mail.eml", "message/rfc822", origin.raw, keep)


def _defects(fetched: FetchedMail, mail: ParsedMail) -> tuple[Defect, ...]:
    return mail.defects if fetched.truncated is None else (*mail.defects, Defect.TRUNCATED)


def _whole_mail(fetched: FetchedMail) -> Iterator[StoredFile]:
    """A mail above the incoming server's limit, as the blob store holds it."""
    if fetched.wholeref:
        yield StoredFile(
            name="mail.eml",
            content_type="message/rfc822",
            size=fetched.truncated or 0,
            sha256=digest_of(fetched.wholeref),
            blob=fetched.wholeref,
        )


def _file(name: str, content_type: str, content: bytes, keep: Keep) -> StoredFile:
    sha256 = hashlib.sha256(content).hexdigest()
    blob = keep(content, sha256)
    return StoredFile(name=name, content_type=content_type, size=len(content), sha256=sha256, blob=blob)


def _fits(text: str, limit: int) -> bool:
    return len(text) * 4 <= limit or len(text.encode("utf-8", "replace")) <= limit


def _cut(text: str, limit: int) -> str:
    """The text, or as many of its whole characters as fit into `limit` bytes of UTF-8."""
    if _fits(text, limit):
        return text
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")
