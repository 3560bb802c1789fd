"""A message as resolved or rejected: the values of `mail.resolved` and `mail.rejected`, and the decisions in them.

`mailcall explain --json` prints these too: a public interface.
"""

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, Field

from schemas.base import Id, Line, Model
from schemas.mail import Bounce, Defect
from schemas.persons import PersonKind
from schemas.reasons import Reason

TrustVerdict = Literal["not-checked", "passed", "failed", "unproved"]


class Trust(Model):
    """Whether the mail comes from whom it says, by the incoming server's own Authentication-Results (RFC 8601).

    `not-checked`: the server's policy is off. `unproved`: nothing speaks for the sender, and nothing against.
    """

    verdict: TrustVerdict
    reason: str = Field("", description="what was found, in one sentence")


class Sender(Model):
    """Requirement R2.3: who sent the mail, and who is therefore User and Logging Analyst of its call."""

    address: str = Field(description="normalised; empty where the mail names no sender")
    name: str = Field("", description="display name as the mail gives it")
    first_name: Line = Field("", description="of a new person, from the display name")
    last_name: Line = Field(
        "", description="of a new person, from the display name, else the address's part before the @"
    )
    person_id: Id = Field(description="the User of the call; an id derived from the address where the person is new")
    kind: PersonKind
    new_person: bool = Field(description="a new person is to be made, with the User flag")
    person_address: str = Field(
        "", description="the new person's address where that is not `address`: without its plus tag"
    )
    set_user_flag: bool = Field(description="an Analyst who logs a call becomes a User as well")
    logging_analyst: Id
    reason: str = Field(description="which row of the table applied, in one sentence")


class ConversationReferences(Model):
    """What the mail offers to find its item by, in the order of trust. Only the logger can say which item it is."""

    own_message_ids: tuple[str, ...] = Field(
        (), description="ids of our own notifications in In-Reply-To and References, signed by us"
    )
    tokens: tuple[str, ...] = Field((), description="item references in a signed tag in the subject or in an address")
    sent_to_sender: tuple[str, ...] = Field(
        (), description="those of both that were sent to whom this mail comes from: they prove who answers"
    )
    doubtful: tuple[str, ...] = Field(
        (), description="ids of notifications and item references whose signature is forged, foreign or expired"
    )
    message_ids: tuple[str, ...] = Field((), description="the other ids there, nearest first")
    item_references: tuple[str, ...] = Field((), description="item references in the subject, unsigned")


class StoredFile(Model):
    """A file kept in the blob store. `blob` is its key there."""

    name: str
    content_type: str
    size: int
    sha256: str
    blob: str
    inline: bool = False


class ResolvedMail(Model):
    """Value of `mail.resolved`: all the logger needs, so that it never looks at the raw mail again."""

    mail_id: str
    server_id: Id
    received: datetime
    size: int
    sha256: str
    message_id: str | None
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    subject: str
    text: str = Field(description="the whole body as text; cut at 256 kB, the rest is in `files`")
    reply: str
    html: str | None = None
    date: str | None = None
    defects: tuple[Defect, ...] = ()
    files: tuple[StoredFile, ...] = Field((), description="attachments, and the raw mail where it could not be parsed")
    sender: Sender
    trust: TrustVerdict = Field(
        "not-checked", description="failed and unproved: no Analyst's rights, no change of state"
    )
    content_id: str = Field(
        "", description="the same for a mail that reached the server twice by different ways; empty: not known"
    )
    former_content_id: str = Field("", description="its content id as version 0.1 made it, which may have logged it")
    released: bool = Field(False, description="an administrator let it through after it had been rejected")
    conversation: ConversationReferences
    fetched_at: AwareDatetime | None = Field(None, description="when its bytes were safe on mail.fetched")
    wanted: Literal["log-or-update", "close"] = Field(description="what the mail asks for; the logger may refuse")
    call_template: Id
    answerable: bool = Field(description="whether an automatic answer may be sent (RFC 3834)")
    settings_versions: dict[str, int] = Field(default_factory=dict)


REJECTED_SUBJECT = 200  # characters


class RejectedMail(Model):
    """Value of `mail.rejected`: a mail that becomes no call, and why."""

    mail_id: str
    server_id: Id
    reason: Reason
    evidence: str = ""
    message_id: str | None = None
    bounce: Bounce | None = None
    sender: str = Field("", description="normalised address; empty where the mail names none")
    subject: str = Field("", description=f"at most {REJECTED_SUBJECT} characters")
    received: datetime | None = None
    blob: str | None = Field(None, description="key of the raw mail in the blob store, where it is held to be released")
    released: str = Field(
        "", description="who released the mail; such a record follows the one that says why it was rejected"
    )
    discarded: str = Field("", description="who discarded the mail, which is then held no longer; follows it likewise")
    note: str = Field("", description="why it was released or discarded, in the words of who did it")
