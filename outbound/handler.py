"""outbound's work on a batch of `notification.requested`: what was sent before is told again, the rest is sent."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from outbound.backoff import exhausted, retry_after
from outbound.choose_format import choose_format
from outbound.choose_server import NoServer, choose_server
from outbound.compose import compose
from outbound.delivery import IN_HAND_SECONDS, Delivery, Ledger, Mail
from outbound.render import RenderError, Templates, render
from outbound.results import SOURCE, Order, result_message
from outbound.server_states import ServerStates
from runtime.decoding import decode_batch
from runtime.deferral import attempt_of
from runtime.logs import get_logger
from runtime.outcomes import Dead, Ok, Outcome, Reject, Retry
from schemas.events import NotificationResult
from schemas.ids import event_id
from schemas.reasons import Reason
from schemas.servers import ServerStatus
from schemas.settings import MessageTemplate, OutgoingServer
from schemas.snapshot import SettingsSnapshot
from schemas.template_language import check
from schemas.tokens import NO_KEYS, TokenKeys
from schemas.topics import NOTIFICATION_REQUESTED, SERVER_STATUS, Topic
from schemas.wire import Message, Record, decode, encode

log = get_logger(__name__)


class FinishedLedger(Ledger, Protocol):
    """The ledger with its look-up: `desk.deliveries.DeliveryLedger`."""

    def finished(self, notification_ids: Collection[str]) -> dict[str, NotificationResult]: ...


class OutboundHandler:
    """`runtime.outcomes.Handler` of outbound. `settings` gives the snapshot that holds now; `now` an aware time.

    `token_keys` sign what is sent.
    """

    stage = "outbound"
    topics: tuple[Topic, ...] = (NOTIFICATION_REQUESTED,)

    def __init__(
        self,
        settings: Callable[[], SettingsSnapshot],
        ledger: FinishedLedger,
        delivery: Delivery,
        states: ServerStates,
        now: Callable[[], datetime],
        token_keys: TokenKeys = NO_KEYS,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._delivery = delivery
        self._states = states
        self._now = now
        self._token_keys = token_keys
        self._templates = (SettingsSnapshot(), Templates(SettingsSnapshot()))

    def handle(self, records: Sequence[Record]) -> Sequence[Outcome]:
        """One outcome a record. Every mail whose result is final is in the ledger when it returns."""
        self._delivery.settle()
        orders, outcomes = decode_batch(records, open_order)
        finished = self._ledger.finished({order.id for _, order in orders})
        snapshot = self._settings()
        mails: dict[str, tuple[int, Mail]] = {}
        for index, order in orders:
            planned = Ok() if order.id in mails else self._plan(order, finished.get(order.id), snapshot)
            if isinstance(planned, Mail):
                mails[order.id] = index, planned
            else:
                outcomes[index] = planned
        results = self._delivery.deliver([mail for _, mail in mails.values()]) if mails else {}
        for id_, (index, mail) in mails.items():
            outcomes[index] = self._outcome(mail.order, results[id_])
        return self._with_statuses([outcome for outcome in outcomes if outcome is not None])

    def _plan(self, order: Order, known: NotificationResult | None, snapshot: SettingsSnapshot) -> Mail | Outcome:
        """The mail to be sent, or what is to be done instead."""
        if known is not None:  # a crash may have come between the ledger and `notification.results`
            return Ok((result_message(known, order.traceparent),))
        now, request = self._now(), order.request
        if self._delivery.in_hand(order.id):
            return self._outcome(order, order.result("deferred", Reason.SERVER_SLOW, now))
        server = choose_server(snapshot, request.partition)
        if isinstance(server, NoServer):
            return self._settled(order, order.result(server.outcome, server.reason, now, server_id=server.server_id))
        trouble = self._states.trouble(server, now)
        if trouble is not None:  # spares rendering as well as trying
            return self._outcome(
                order, order.result("deferred", trouble.reason, now, server_id=server.id, reply=trouble.text)
            )
        return self._mail(order, server, snapshot, now)

    def _mail(self, order: Order, server: OutgoingServer, snapshot: SettingsSnapshot, now: datetime) -> Mail | Dead:
        format_ = choose_format(snapshot.email_options(), order.request.recipient_format)
        try:
            rendered = render(order.request, self._templates_of(snapshot), format_)
        except RenderError as error:
            return Dead(Reason.UNKNOWN_TEMPLATE, str(error))
        return Mail(order, server, compose(order.request, rendered, server, now, self._token_keys))

    def _templates_of(self, snapshot: SettingsSnapshot) -> Templates:
        if self._templates[0] is not snapshot:
            self._templates = snapshot, Templates(snapshot)
            for template in snapshot.all_of(MessageTemplate):
                if why := check(template):
                    log.warning("no mail can be made from a message template", template=template.id, why=why)
        return self._templates[1]

    def _outcome(self, order: Order, result: NotificationResult) -> Outcome:
        """What the shell is to do after an attempt: defer, or be done."""
        if result.outcome != "deferred":
            return _final(order, result)
        if exhausted(order.age_seconds(result.at), order.attempt):
            return self._settled(
                order, result.model_copy(update={"outcome": "failed", "reason": Reason.RETRIES_EXHAUSTED})
            )
        reason = result.reason or Reason.SERVER_DEFERRED
        after = IN_HAND_SECONDS if reason is Reason.SERVER_SLOW else retry_after(order.id, order.attempt)
        return Retry(reason, after, (result_message(result, order.traceparent),))

    def _settled(self, order: Order, result: NotificationResult) -> Outcome:
        """A result that no server gave: a final one is recorded here."""
        if result.outcome == "deferred":
            return self._outcome(order, result)
        self._ledger.record(result)
        return _final(order, result)

    def _with_statuses(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Hands the servers' changed states to the first outcome that can carry them."""
        carrier = next((i for i, outcome in enumerate(outcomes) if not isinstance(outcome, Dead)), None)
        if carrier is None:
            return outcomes
        statuses = tuple(status_message(status) for status in self._states.take_changes())
        outcomes[carrier] = _with_outputs(outcomes[carrier], statuses)
        return outcomes


def open_order(record: Record) -> Order:
    """The order of a record, new or deferred before. Raises `UndecodableError`."""
    context, request = decode(NOTIFICATION_REQUESTED, record)
    return Order(request, context.traceparent, attempt_of(record))


def status_message(status: ServerStatus) -> Message:
    """The record that tells how a server is."""
    return encode(
        SERVER_STATUS,
        status.server_id,
        status,
        id=event_id(status.server_id, f"{status.state}/{status.since.isoformat()}"),
        source=SOURCE,
        time=status.since,
    )


def _final(order: Order, result: NotificationResult) -> Outcome:
    outputs = (result_message(result, order.traceparent),)
    if result.outcome == "failed" and result.reason is not None:
        return Reject(result.reason, outputs)
    return Ok(outputs)


def _with_outputs(outcome: Outcome, more: tuple[Message, ...]) -> Outcome:
    if isinstance(outcome, Dead) or not more:
        return outcome
    return replace(outcome, outputs=outcome.outputs + more)
