"""One outbound process without its loop, over a real ledger; and what its outcomes publish."""

from collections.abc import Sequence
from concurrent.futures import wait
from datetime import datetime

from desk.deliveries import DeliveryLedger
from desk.engine import read_transaction
from desk.item_detail import JournalEntry, notifications_of
from mailserver.errors import MailServerError
from mailserver.logins import Account
from outbound.delivery import Delivery
from outbound.handler import OutboundHandler
from outbound.server_availability import CircuitBreakers, RateLimiter
from outbound.transports.base import Login
from runtime.processing.outcomes import FinalOutcome, InFlight, Outcome
from schemas.events import NotificationRequested, NotificationResult
from schemas.ids import notification_id
from schemas.reasons import Reason
from schemas.servers import ServerStatus
from schemas.settings import OutgoingServer, Partition, Setting
from schemas.snapshot import SettingsSnapshot
from schemas.topics import NOTIFICATION_REQUESTED, NOTIFICATION_RESULTS, SERVER_STATUS, Topic
from schemas.wire import Record, decode, encode


class Desk:
    """One outbound process without its loop: its settings can be changed, its clock set, and it can be killed."""

    def __init__(self, ledger: DeliveryLedger, now: datetime, login: Login | None = None) -> None:
        """`login`: without it none is possible."""
        self.ledger = ledger
        self._login = login or _no_login
        self.now = now
        self.share = 1.0
        self.snapshot = SettingsSnapshot()
        self.start()

    def start(self) -> None:
        """As after a kill -9: nothing is left but the ledger."""
        states = CircuitBreakers()
        self.delivery = Delivery(self.ledger, states, self._login, lambda: self.now)
        self.pace = RateLimiter(lambda: self.share, lambda: self.now.timestamp())
        self.handler = OutboundHandler(
            lambda: self.snapshot, self.ledger, self.delivery, states, lambda: self.now, self.pace
        )

    def apply(self, *settings: Setting) -> None:
        self.snapshot = self.snapshot.with_changes([(f"{one.kind}/{one.id}", one, 0) for one in settings])

    def answer(self, *requests: NotificationRequested, attempt: int = 1) -> Sequence[Outcome]:
        return self.handler.handle([record(request, attempt) for request in requests])

    def handle(self, *requests: NotificationRequested, attempt: int = 1) -> list[FinalOutcome]:
        """As the loop does it: what is pending is waited for."""
        return [settled(answer) for answer in self.answer(*requests, attempt=attempt)]

    def attempts(self, item_reference: str) -> list[JournalEntry]:
        """What the ledger says of an item, as its journal shows it."""
        with read_transaction(self.ledger.engine) as connection:
            return list(notifications_of(connection, item_reference))


def _no_login(_server: OutgoingServer) -> Account:
    raise MailServerError(Reason.AUTHENTICATION_REFUSED, "no password", temporary=False)


def settled(answer: Outcome) -> FinalOutcome:
    """The outcome of it, once it is there. Raises what the work raised."""
    if isinstance(answer, InFlight):
        wait([answer.work], 30)
        return answer.outcome()
    return answer


def record(request: NotificationRequested, attempt: int = 1, offset: int = 0) -> Record:
    message = encode(
        NOTIFICATION_REQUESTED, request.recipient, request, id=request.notification_id, source="/test",
        time=request.requested_at, traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01",
    )  # fmt: skip
    headers = [*message.headers, *([("retry-attempt", b"%d" % attempt)] if attempt > 1 else [])]
    return Record("t.notification.requested.v1", 0, offset, message.key.encode(), message.value, headers)


def partition(id_: str, outgoing_server: str) -> Partition:
    return Partition(
        id=id_, outgoing_server=outgoing_server, impacts=("a",), urgencies=("b",), priorities=("P1",),
        priority_matrix={"a": {"b": "P1"}},
    )  # fmt: skip


def ids(count: int) -> list[str]:
    return [notification_id(f"cause-{n}", "CallLogged", "x@example.com") for n in range(count)]


def told(outcome: FinalOutcome, topic: Topic) -> list[object]:
    """The values that an outcome publishes to a topic."""
    records = [
        Record(message.topic.short, 0, 0, message.key.encode(), message.value, message.headers)
        for message in outcome.outputs
        if message.topic is topic
    ]
    return [decode(topic, record)[1] for record in records]


def result_of(outcome: FinalOutcome) -> NotificationResult:
    (only,) = results_of(outcome)
    return only


def results_of(outcome: FinalOutcome) -> list[NotificationResult]:
    """What it says became of each recipient."""
    return [one for one in told(outcome, NOTIFICATION_RESULTS) if isinstance(one, NotificationResult)]


def status_of(outcome: FinalOutcome) -> ServerStatus:
    (status,) = told(outcome, SERVER_STATUS)
    assert isinstance(status, ServerStatus)
    return status
