"""Mails of the desk's to addresses that do not get them, through a real mail server and back."""

import re
import smtplib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deploy.local.ports import HOST
from deploy.local.servers.smtp_sink import CapturedMail, SmtpSink
from desk.deliveries import DeliveryLedger, DeliveryResult
from resolver.handler import ResolverHandler
from runtime.blobs import BlobStore
from runtime.processing.outcomes import Ok
from schemas import ids
from schemas.persons import Person
from schemas.settings import Format, OutgoingServer
from schemas.topics import MAIL_FETCHED, NOTIFICATION_REQUESTED
from schemas.wire import OutputRecord, Record, encode
from tests.logger.harness import NOW, PREFIX, Logger, make_mail
from tests.outbound.sent import KEYS, sent
from tests.resolver.in_process import examine_here

RETURNS = "returns@desk.example"
AWAY = "away.example"
_SERVER = OutgoingServer(id="out", from_address="it@desk.example", bounce_address=RETURNS)
_BOUNCED = "notification-bounced"
_DELAYED = "notification-delayed"


@dataclass(frozen=True)
class Case:
    """`reply`: what the recipient's server says; none where there is no server. `journal`: kinds and words."""

    reply: str
    journal: tuple[tuple[str, str], ...]


_LATE = (_DELAYED, "has not been delivered yet; it is tried again")
CASES: Mapping[str, Case] = {
    "nobody@client.example": Case(
        "550 5.1.1 <nobody@client.example>: Recipient address rejected: User unknown",
        ((_BOUNCED, "could not be delivered: the address takes no mail"),),
    ),
    "moved@client.example": Case(
        "550 No such user here", ((_BOUNCED, "could not be delivered: the address takes no mail"),)
    ),
    "refused@client.example": Case(
        "550 5.7.1 <refused@client.example>: Relay access denied",
        ((_BOUNCED, "could not be delivered: the recipient's server does not accept it from ours"),),
    ),
    "full@client.example": Case(
        "452 4.2.2 The mailbox is over quota",
        (_LATE, (_BOUNCED, "could not be delivered: the mailbox takes no more mail for now")),
    ),
    f"ann@{AWAY}": Case(
        "", (_LATE, (_BOUNCED, "could not be delivered: the recipient's server did not take it in time"))
    ),
}
HARD = {"nobody@client.example", "moved@client.example"}


def send_all(logger: Logger, port: int) -> Mapping[str, str]:
    """The desk answers a mail of each; the answers go to the mail server as outbound hands them over.

    Reference of each one's call, by address.
    """
    ledger = DeliveryLedger(logger.engine)
    calls = {}
    for number, address in enumerate(CASES):
        person = Person(id=f"p{number}", addresses=(address,), is_user=True)
        mail = make_mail(f"mail {number}", address, person)
        logger.published.clear()
        logger.feed(person, mail)
        calls[address] = str(logger.outcome(mail)[1])
        (told,) = logger.of(NOTIFICATION_REQUESTED)
        with smtplib.SMTP(HOST, port, timeout=30) as client:
            client.sendmail(RETURNS, [told.recipient], sent(told, _SERVER, Format.TEXT, NOW))
        ledger.record(
            DeliveryResult(
                notification_id=told.notification_id, outcome="sent", recipient=told.recipient, server_id="out", at=NOW
            )
        )
    ledger.close()
    return calls


def reports_in(sink: SmtpSink, finals: int, seconds: float = 90.0) -> list[CapturedMail]:
    """The reports that came back, once there are `finals` of each mail, and a warning of each that is late."""

    def has_all(mails: Sequence[CapturedMail]) -> bool:
        told = Counter(
            (address, _is_final(mail.raw)) for mail in mails for address in CASES if _is_about(mail.raw, address)
        )
        return all(
            told[address, True] >= finals and told[address, False] >= len(case.journal) - 1
            for address, case in CASES.items()
        )

    sink.wait_until(has_all, seconds)
    return [mail for mail in sink.messages if mail.recipients == (RETURNS,)]


def _is_final(raw: bytes) -> bool:
    """OpenSMTPD calls its last one delayed, too."""
    return b"\nAction: failed" in raw or b"Envelope expired" in raw


def _is_about(raw: bytes, address: str) -> bool:
    return re.search(rb"(?im)^Final-Recipient:.*" + re.escape(address.encode()), raw) is not None


def come_back(logger: Logger, blobs: BlobStore, reports: list[CapturedMail]) -> None:
    """As ingest fetches them: through the resolver to the logger, each one twice."""
    resolver = ResolverHandler(
        lambda: logger.settings, lambda: logger.settings, lambda _: {}, blobs, lambda: NOW, examine_here, KEYS
    )
    for report in reports:
        for _ in range(2):
            [outcome] = resolver.handle([_fetched(report.raw)])
            assert isinstance(outcome, Ok), outcome
            logger.feed(*(_record(message) for message in outcome.outputs))


def _fetched(raw: bytes) -> Record:
    mail_id = ids.mail_id("it-in", raw)
    known = {"serverid": "it-in", "internaldate": NOW.isoformat()}
    return _record(encode(MAIL_FETCHED, "", raw, id=mail_id, source="/mailcall/ingest", time=NOW, extensions=known))


def _record(message: OutputRecord) -> Record:
    return Record(message.topic.name(PREFIX), 0, 0, message.key.encode(), message.value, message.headers)
