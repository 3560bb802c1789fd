"""A message as parsed and as screened.

`ParsedMail`, `Screening` and the rest are also what `mailcall explain --json` prints: a public interface.
"""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from schemas.base import Model
from schemas.reasons import Reason
from schemas.undelivered import Trouble


class Mailbox(Model):
    """One address of a header, as the header says: decoded, no control characters, otherwise unchanged."""

    address: str
    name: str = ""


class Attachment(Model):
    """One file of a mail. `size` in bytes and `sha256` (hexadecimal) of the decoded content."""

    name: str
    content_type: str
    size: int
    sha256: str
    inline: bool = False


class Defect(StrEnum):
    """What was wrong with a mail; none of these stops it."""

    NO_HEADERS = "no-headers"
    JUNK_IN_HEADERS = "junk-in-headers"
    BARE_CR = "bare-cr"
    NUL = "nul"
    RAW_8BIT_HEADER = "raw-8bit-header"
    BAD_ENCODED_WORD = "bad-encoded-word"
    UNKNOWN_CHARSET = "unknown-charset"
    WRONG_CHARSET = "wrong-charset"
    BAD_BASE64 = "bad-base64"
    BAD_QUOTED_PRINTABLE = "bad-quoted-printable"
    UNKNOWN_TRANSFER_ENCODING = "unknown-transfer-encoding"
    BAD_ADDRESS = "bad-address"
    NO_FROM = "no-from"
    SEVERAL_FROM = "several-from"
    BAD_DATE = "bad-date"
    BAD_MESSAGE_ID = "bad-message-id"
    MISSING_BOUNDARY = "missing-boundary"
    UNCLOSED_MULTIPART = "unclosed-multipart"
    BAD_CONTENT_TYPE = "bad-content-type"
    TOO_MANY_HEADERS = "too-many-headers"
    TOO_MANY_PARTS = "too-many-parts"
    TOO_DEEP = "too-deep"
    TOO_LONG = "too-long"
    ENCODED_MULTIPART = "encoded-multipart"
    BAD_SMIME = "bad-smime"
    BAD_TNEF = "bad-tnef"
    BAD_UUENCODE = "bad-uuencode"
    UNPARSED = "unparsed"
    TRUNCATED = "truncated"


class ParsedMail(Model):
    """What a mail says. Every string is valid Unicode without NUL; ids carry their angle brackets.

    `text` is the whole body as text, `reply` what the author wrote now, `html` the HTML body as it came (not sanitised:
    whoever shows it sanitises it). `date` is ISO 8601 with offset, None where none can be read.
    """

    from_: Mailbox | None = Field(None, alias="from")
    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    reply_to: tuple[Mailbox, ...] = ()
    subject: str = ""
    date: str | None = None
    message_id: str | None = None
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    text: str = ""
    reply: str = ""
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()
    defects: tuple[Defect, ...] = ()


class Undelivered(Model):
    """What a delivery report says of one recipient who does not have the mail."""

    recipient: str = ""
    final: bool = Field(True, description="the mail is not tried again; otherwise it is only late")
    trouble: Trouble = Trouble.UNKNOWN
    status: str = Field("", description="the most telling enhanced status code (RFC 3463), that of the reply first")


class Bounce(Model):
    """What a delivery report says: about whom, status of the first failed one (RFC 3463), id of the returned mail.

    `recipients` are all that it names; `undelivered` those of them who do not have the mail.
    """

    recipients: tuple[str, ...] = ()
    status: str | None = None
    original_message_id: str | None = None
    undelivered: tuple[Undelivered, ...] = ()


class Screening(Model):
    """`person`: somebody wrote it. `notification-result`: what became of our own mail. `rejected`: a machine's."""

    verdict: Literal["person", "rejected", "notification-result"]
    reason: Reason | None = None
    evidence: str = Field("", description="the header or rule that decided, in one line")
    bounce: Bounce | None = None
    about: str | None = Field(None, description="of a notification result: Message-ID of our mail that it is about")
