"""Mails that were rejected: what is held in quarantine, and letting one through after all.

A release publishes the mail once more on `mail.fetched`, marked with who released it (`ce_released`) and signed, and
behind its rejection on `mail.rejected` the note that it was released: what is held is told from that topic alone. One
that is discarded has the note alone.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from console.errors import Remedy, UserError
from console.mails.index.records import MailRecords
from console.settings.secrets import token_keys
from desk.engine import read_transaction
from desk.ledger import known_mails
from runtime.blobs import digest_of
from runtime.kafka.producer import Publisher
from schemas.fetched import FetchedMail, open_fetched, released_by
from schemas.reasons import Reason
from schemas.resolved_mail import RejectedMail
from schemas.topics import DAY_MS, MAIL_FETCHED, MAIL_REJECTED
from schemas.wire import CloudEvent, EventAttributes, OutputRecord, Record, UndecodableError, decode, encode

_SOURCE = "/mailcall/console"
_DAYS = (MAIL_FETCHED.retention_ms or 0) // DAY_MS


@dataclass(frozen=True, slots=True)
class Rejection:
    """What `mail.rejected` says last of a mail, and the record that says it."""

    mail: RejectedMail
    context: EventAttributes
    record: Record


def held(records: MailRecords) -> list[RejectedMail]:
    """What is in quarantine now, oldest first: neither released, discarded nor in the desk since.

    Raises `OutageError`, `TopicMissingError`.
    """
    mails = [one.mail for one in _rejections(records.held()).values() if _is_held(one.mail)]
    with read_transaction(records.engine) as connection:
        known = known_mails(connection, [mail.mail_id for mail in mails])
    waiting = [mail for mail in mails if mail.mail_id not in known]
    return sorted(waiting, key=lambda mail: (mail.received.timestamp() if mail.received else 0, mail.mail_id))


def release(
    records: MailRecords, publisher: Publisher, mail_ids: Iterable[str], who: str, now: datetime, note: str = ""
) -> list[str]:
    """Let rejected mails through, whatever they were rejected for; their ids, each once, in the order given.

    `note`: why, in the words of `who`. Released twice, or logged already, a mail is known by its id and becomes nothing
    more. It passes the quarantine alone: whether its sender is proved is decided as for any mail. Raises `UserError`
    where one cannot be released, or there is no token key to sign it with: nothing is published then. Raises
    `OutageError`, `TopicMissingError`.
    """
    keys = token_keys(records.config.token_key_file)
    if not keys.keys:
        raise UserError(
            "a release is signed, and there is no token key: any writer to mail.fetched could let mails through",
            Remedy.CONFIGURE_TOKEN_KEY,
        )
    wanted = list(dict.fromkeys(mail_ids))
    rejections = _rejections(records.of(MAIL_REJECTED, wanted))
    chosen = {mail_id: _releasable(mail_id, rejections) for mail_id in wanted}
    mails = {mail_id: _held_mail(one) for mail_id, one in chosen.items() if "dataref" in one.context.extensions}
    mails |= _still_fetched(records, chosen.keys() - mails.keys())
    for mail_id in chosen.keys() - mails.keys():
        raise UserError(
            f"mail {mail_id} is no longer kept: `mail.fetched` keeps mails for {_DAYS} days",
            "ask its sender for it, or put it into the mailbox once more",
        )
    signed = {mail_id: released_by(mail, _sha256(mail), who, keys) for mail_id, mail in mails.items()}
    publisher.publish([_let_through(one, signed[mail_id], now) for mail_id, one in chosen.items()])
    # Last: a mail that is on its way without the note counts as held, and is not forgotten.
    publisher.publish([_note(one, {"released": who, "note": note}, now) for one in chosen.values()])
    return list(chosen)


def discard(
    records: MailRecords, publisher: Publisher, mail_ids: Iterable[str], who: str, now: datetime, note: str
) -> list[str]:
    """Hold mails no longer, and let none of them through; their ids, each once, in the order given.

    Raises `UserError` where one is not in quarantine, or `note` does not say why: nothing is published then. Raises
    `OutageError`, `TopicMissingError`.
    """
    if not note.strip():
        raise UserError("a mail is discarded for a reason", "say why: it stays with the mail")
    wanted = list(dict.fromkeys(mail_ids))
    rejections = _rejections(records.of(MAIL_REJECTED, wanted))
    for mail_id in wanted:
        if mail_id not in rejections or not _is_held(rejections[mail_id].mail):
            raise UserError(f"mail {mail_id!r} is not in quarantine", Remedy.FIND_HELD_MAIL)
    publisher.publish([_note(rejections[one], {"discarded": who, "note": note}, now) for one in wanted])
    return wanted


def still_held(records: MailRecords, mail_id: str) -> FetchedMail | None:
    """The mail as the rejection that holds it describes it, its bytes in the blob store; None where none does."""
    found = _rejections(records.of(MAIL_REJECTED, [mail_id])).get(mail_id)
    return _held_mail(found) if found and "dataref" in found.context.extensions else None


def _is_held(mail: RejectedMail) -> bool:
    return mail.reason is Reason.QUARANTINE and not mail.released and not mail.discarded


def _rejections(records: Iterable[Record]) -> dict[str, Rejection]:
    """The last word on each rejected mail, by its id."""
    found: dict[str, Rejection] = {}
    for record in records:
        try:
            context, mail = decode(MAIL_REJECTED, record)
        except UndecodableError:
            continue  # not one of ours
        found[mail.mail_id] = Rejection(mail, context, record)
    return found


def _releasable(mail_id: str, rejections: dict[str, Rejection]) -> Rejection:
    found = rejections.get(mail_id)
    if found is None:
        raise UserError(f"no mail {mail_id!r} was rejected", Remedy.FIND_HELD_MAIL)
    if found.mail.reason is Reason.LOOP:
        raise UserError(f"mail {mail_id} is the desk's own come back: it never becomes a call")
    return found


def _held_mail(rejection: Rejection) -> FetchedMail:
    """The mail as its rejection describes it, its bytes in the blob store."""
    return FetchedMail.from_envelope(CloudEvent(rejection.context, b""), rejection.record.timestamp_ms)


def _still_fetched(records: MailRecords, mail_ids: Collection[str]) -> dict[str, FetchedMail]:
    """Those of these mails that `mail.fetched` still has."""
    found: dict[str, FetchedMail] = {}
    for record in records.of(MAIL_FETCHED, mail_ids):
        try:
            mail = open_fetched(record)
        except UndecodableError:
            continue
        if mail.mail_id in mail_ids:
            found[mail.mail_id] = mail
    return found


def _sha256(mail: FetchedMail) -> str:
    """Of the bytes themselves: the record's producer may claim anything about them."""
    return digest_of(mail.dataref) if mail.dataref else hashlib.sha256(mail.raw).hexdigest()


def _let_through(rejection: Rejection, mail: FetchedMail, now: datetime) -> OutputRecord:
    return encode(
        MAIL_FETCHED,
        _key(rejection),
        mail.raw,
        id=mail.mail_id,
        source=_SOURCE,
        time=now,
        traceparent=mail.traceparent,
        extensions=mail.extensions(),
    )


def _note(rejection: Rejection, said: dict[str, str], now: datetime) -> OutputRecord:
    """The rejection once more, with what was done about it by whom: it can be released from this record as well."""
    undone = {"released": "", "discarded": "", "note": ""}
    return encode(
        MAIL_REJECTED,
        _key(rejection),
        rejection.mail.model_copy(update={**undone, **said}),
        id=rejection.mail.mail_id,
        source=_SOURCE,
        time=now,
        traceparent=rejection.context.traceparent,
        extensions=rejection.context.extensions,
    )


def _key(rejection: Rejection) -> str:
    """The key of the mail on both topics: what one sender sends stays in order."""
    return (rejection.record.key or b"").decode("utf-8", "replace")
