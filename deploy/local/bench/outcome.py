"""Whether the benchmark's mails ended as they should: counts of what is expected, and of what is right."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, func, select

from deploy.local.bench.mails import BenchMail, words_of
from deploy.local.bench.scale import MADE
from deploy.local.bench.servers import acknowledgement
from desk.tables import files, items, journal, mails, persons
from runtime.blobs import BlobStore
from schemas import ids


@dataclass(frozen=True, slots=True)
class Counts:
    """`replies`: in the call of the mail they answer; `bodies`, `files`: as expected; `persons`: who wrote."""

    calls: int
    replies: int
    bodies: int
    files: int
    persons: int
    acknowledgements: int


@dataclass(frozen=True, slots=True)
class Outcome:
    expected: Counts
    got: Counts

    @property
    def ok(self) -> bool:
        return self.expected == self.got

    def as_dict(self) -> dict[str, object]:
        return {"expected": asdict(self.expected), "got": asdict(self.got), "ok": self.ok}


def expected_counts(sent: Sequence[BenchMail]) -> Counts:
    return Counts(
        calls=sum(mail.answers is None for mail in sent),
        replies=sum(mail.answers is not None for mail in sent),
        bodies=len(sent),
        files=sum(len(mail.files) for mail in sent),
        persons=len({mail.sender for mail in sent}),
        acknowledgements=len(sent),
    )


def counts(
    connection: Connection,
    blobs: BlobStore,
    answers: Mapping[str, Sequence[str]],
    server_of: Callable[[BenchMail], str],
    sent: Sequence[BenchMail],
) -> Counts:
    """What the desk and the sink hold of these mails. `server_of`: the incoming server that each was sent to."""
    rows = _ledger(connection)
    by_number = {mail.number: rows.get(ids.mail_id(server_of(mail), mail.raw)) for mail in sent}
    found = [(mail, row) for mail in sent if (row := by_number[mail.number]) is not None]
    return Counts(
        calls=sum(row.outcome == "call-logged" for row in rows.values()),
        replies=sum(_is_threaded(mail, row, by_number) for mail, row in found),
        bodies=sum(words_of(row.text) == mail.words for mail, row in found),
        files=_right_files(connection, blobs, {row.mail_id: mail for mail, row in found}),
        persons=len(set(connection.scalars(_SENDERS))),
        acknowledgements=sum(_is_acknowledged(mail, answers, server_of(mail)) for mail in sent),
    )


_SENDERS = (
    select(persons.c.id)
    .join_from(mails, journal, journal.c.mail_id == mails.c.mail_id)
    .join(persons, persons.c.id == journal.c.person_id)
    .where(mails.c.mail_id.not_like(f"{MADE}%"))
)


@dataclass(frozen=True, slots=True)
class _Logged:
    """A mail in the desk. `text` is the whole body, wherever the desk keeps it."""

    mail_id: str
    outcome: str
    item_id: int
    text: str


def _ledger(connection: Connection) -> dict[str, _Logged]:
    text = func.coalesce(journal.c.text, items.c.description)
    query = (
        select(mails.c.mail_id, mails.c.outcome, mails.c.item_id, text)
        .join_from(mails, journal, journal.c.mail_id == mails.c.mail_id)
        .join(items, items.c.id == mails.c.item_id)
        .where(mails.c.mail_id.not_like(f"{MADE}%"))
    )
    return {row[0]: _Logged(*row) for row in connection.execute(query)}


def _is_threaded(mail: BenchMail, row: _Logged, by_number: Mapping[int, _Logged | None]) -> bool:
    answered = None if mail.answers is None else by_number[mail.answers]
    return answered is not None and row.outcome == "item-updated" and row.item_id == answered.item_id


def _right_files(connection: Connection, blobs: BlobStore, by_id: Mapping[str, BenchMail]) -> int:
    """Files that are at their mail and position, and whose stored content has the expected hash."""
    query = select(files.c.mail_id, files.c.position, files.c.blob).where(files.c.mail_id.in_(by_id))
    right = 0
    for row in connection.execute(query):
        content = hashlib.sha256(blobs.get(row.blob)).hexdigest()
        right += by_id[row.mail_id].files[row.position : row.position + 1] == (content,)
    return right


def _is_acknowledged(mail: BenchMail, answers: Mapping[str, Sequence[str]], server_id: str) -> bool:
    """Exactly one answer came; to a mail that logged a call, with the notification's id that follows from the mail."""
    came = answers.get(mail.message_id, ())
    if len(came) != 1 or mail.answers is not None:
        return len(came) == 1
    return ids.notification_of(came[0]) == acknowledgement(server_id, mail)
