"""Mails that were rejected: what is held in quarantine, and letting one through after all.

A release publishes the mail once more on `mail.fetched`, marked with who released it (`ce_released`), and behind its
rejection on `mail.rejected` the note that it was released, so that what is held is told from that topic alone.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from console.operations.errors import UserError
from desk.config import DeskConfig
from desk.engine import open_desk, reading
from desk.ledger import known_mails
from runtime.config import ProcessConfig
from runtime.publisher import Publisher
from runtime.reader import read_to_end
from schemas.fetched import FetchedMail, open_fetched
from schemas.mail import RejectedMail
from schemas.reasons import Reason
from schemas.topics import DAY_MS, MAIL_FETCHED, MAIL_REJECTED
from schemas.wire import Context, Envelope, Message, Record, UndecodableError, decode, encode

_SOURCE = "/mailcall/console"
_DAYS = (MAIL_FETCHED.retention_ms or 0) // DAY_MS


@dataclass(frozen=True, slots=True)
class Rejection:
    """What `mail.rejected` says last of a mail, and the record that says it."""

    mail: RejectedMail
    context: Context
    record: Record


def held(config: DeskConfig) -> list[RejectedMail]:
    """What is in quarantine now, oldest first: neither released nor in the desk since.

    Raises `OutageError`, `TopicMissingError`.
    """
    mails = [one.mail for one in _rejections(config).values()]
    quarantined = [mail for mail in mails if mail.reason is Reason.QUARANTINE and not mail.released]
    engine = open_desk(config.desk_url)
    try:
        with reading(engine) as connection:
            known = known_mails(connection, [mail.mail_id for mail in quarantined])
    finally:
        engine.dispose()
    waiting = [mail for mail in quarantined if mail.mail_id not in known]
    return sorted(waiting, key=lambda mail: (mail.received.timestamp() if mail.received else 0, mail.mail_id))


def release(config: ProcessConfig, publisher: Publisher, mail_ids: Iterable[str], who: str, now: datetime) -> list[str]:
    """Let rejected mails through, whatever they were rejected for; their ids, each once, in the order given.

    Released twice, or logged already, a mail is known by its id and becomes nothing more. Raises `UserError` where one
    cannot be released: nothing is published then. Raises `OutageError`, `TopicMissingError`.
    """
    rejections = _rejections(config)
    chosen = {mail_id: _releasable(mail_id, rejections) for mail_id in mail_ids}
    mails = {mail_id: _held_mail(one) for mail_id, one in chosen.items() if "dataref" in one.context.extensions}
    mails |= _still_fetched(config, chosen.keys() - mails.keys())
    for mail_id in chosen.keys() - mails.keys():
        raise UserError(
            f"mail {mail_id} is no longer kept: `mail.fetched` keeps mails for {_DAYS} days",
            "ask its sender for it, or put it into the mailbox once more",
        )
    publisher.publish([_let_through(one, mails[mail_id], who, now) for mail_id, one in chosen.items()])
    # Last: a mail that is on its way without the note counts as held, and is not forgotten.
    publisher.publish([_note(one, who, now) for one in chosen.values()])
    return list(chosen)


def _rejections(config: ProcessConfig) -> dict[str, Rejection]:
    """The last word on each rejected mail, by its id."""
    found: dict[str, Rejection] = {}
    for record in read_to_end(config, [MAIL_REJECTED.name(config.topic_prefix)]):
        try:
            context, mail = decode(MAIL_REJECTED, record)
        except UndecodableError:
            continue  # not one of ours
        found[mail.mail_id] = Rejection(mail, context, record)
    return found


def _releasable(mail_id: str, rejections: dict[str, Rejection]) -> Rejection:
    found = rejections.get(mail_id)
    if found is None:
        raise UserError(f"no mail {mail_id!r} was rejected", "`mailcall mail held` shows those in quarantine")
    if found.mail.reason is Reason.LOOP:
        raise UserError(f"mail {mail_id} is the desk's own come back: it never becomes a call")
    return found


def _held_mail(rejection: Rejection) -> FetchedMail:
    """The mail as its rejection describes it, its bytes in the blob store."""
    return FetchedMail.from_envelope(Envelope(rejection.context, b""), rejection.record.timestamp_ms)


def _still_fetched(config: ProcessConfig, mail_ids: Collection[str]) -> dict[str, FetchedMail]:
    """Those of these mails that `mail.fetched` still has. It is not read where none is looked for."""
    found: dict[str, FetchedMail] = {}
    for record in read_to_end(config, [MAIL_FETCHED.name(config.topic_prefix)]) if mail_ids else ():
        try:
            mail = open_fetched(record)
        except UndecodableError:
            continue
        if mail.mail_id in mail_ids:
            found[mail.mail_id] = mail
    return found


def _let_through(rejection: Rejection, mail: FetchedMail, who: str, now: datetime) -> Message:
    return encode(
        MAIL_FETCHED,
        _key(rejection),
        mail.raw,
        id=mail.mail_id,
        source=_SOURCE,
        time=now,
        traceparent=mail.traceparent,
        extensions=replace(mail, released=who).extensions(),
    )


def _note(rejection: Rejection, who: str, now: datetime) -> Message:
    """The rejection once more, with who released the mail: it can be released from this record as well."""
    return encode(
        MAIL_REJECTED,
        _key(rejection),
        rejection.mail.model_copy(update={"released": who}),
        id=rejection.mail.mail_id,
        source=_SOURCE,
        time=now,
        traceparent=rejection.context.traceparent,
        extensions=rejection.context.extensions,
    )


def _key(rejection: Rejection) -> str:
    """The key of the mail on both topics: what one sender sends stays in order."""
    return (rejection.record.key or b"").decode("utf-8", "replace")
