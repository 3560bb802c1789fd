"""outbound's work on a batch of `notification.requested`: what was sent before is told again, the rest is sent."""

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from outbound.backoff import exhausted, retry_after
from outbound.choose_format import choose_format
from outbound.choose_server import Chosen, NoServer, choose_server
from outbound.compose import compose
from outbound.cpu import counted
from outbound.delivery import Delivery, Ledger, Mail, Results
from outbound.pace import Pace
from outbound.render import RenderError, Templates, render
from outbound.results import SOURCE, Order, result_message
from outbound.server_states import ServerStates, Trouble
from runtime.decoding import decode_batch
from runtime.deferral import attempt_of
from runtime.logs import get_logger
from runtime.metrics import BROKEN_TEMPLATES
from runtime.outcomes import Answer, Dead, Ok, Outcome, Pending, Reject, Retry
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

IN_HAND_SECONDS = 900.0  # after so long a mail that a lane had in hand has met its server's time-outs
NEXT_SERVER_SECONDS = 1.0  # until a mail that one server could not take goes to the one that stands in for it


class FinishedLedger(Ledger, Protocol):
    """The ledger with its look-up: `desk.deliveries.DeliveryLedger`."""

    def finished(self, notification_ids: Collection[str]) -> dict[str, Results]: ...


class OutboundHandler:
    """`runtime.outcomes.Handler` of outbound. `settings` gives the snapshot that holds now; `now` an aware time.

    `pace` keeps the servers' limits, `token_keys` sign what is sent.
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
        pace: Pace,
        token_keys: TokenKeys = NO_KEYS,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._delivery = delivery
        self._states = states
        self._now = now
        self._pace = pace
        self._token_keys = token_keys
        self._templates = (SettingsSnapshot(), Templates(SettingsSnapshot()))
        self._warned: set[str] = set()  # the broken ones among these templates

    def handle(self, records: Sequence[Record]) -> Sequence[Answer]:
        """One answer a record. Every mail whose results are there is in the ledger when it returns."""
        self._delivery.settle()
        orders, outcomes = decode_batch(records, open_order)
        answers: list[Answer | None] = list(outcomes)
        # Before the ledger is asked: what is in hand no longer by then is in the ledger.
        in_hand = {order.id: work for _, order in orders if (work := self._delivery.in_hand(order.id))}
        finished = self._ledger.finished({order.id for _, order in orders})
        snapshot = self._settings()
        mails: dict[str, tuple[int, Mail]] = {}
        with counted("render"):
            for index, order in orders:
                known = finished.get(order.id, ())
                planned = Ok() if order.id in mails else self._plan(order, known, in_hand.get(order.id), snapshot)
                if isinstance(planned, Mail):
                    mails[order.id] = index, planned
                else:
                    answers[index] = planned
        results = self._delivery.deliver([mail for _, mail in mails.values()]) if mails else {}
        for id_, (index, mail) in mails.items():
            answers[index] = self._answer(mail.order, results[id_], snapshot)
        for index, order in orders:
            answer = answers[index]
            if answer is not None and order.id in finished:
                answers[index] = _with_outputs(answer, _told(order, _untold(order, finished[order.id])))
        return self._with_statuses([answer for answer in answers if answer is not None])

    def _answer(self, order: Order, work: "Future[Results] | None", snapshot: SettingsSnapshot) -> Answer:
        """`work`: of the lane that has the mail; None where it has too many."""
        if work is None:
            return Retry(Reason.SERVER_SLOW, retry_after(order.id, 1))
        if work.done():
            return self._outcome(order, work.result(), snapshot)
        return Pending(
            work,
            lambda: self._with_status(self._outcome(order, work.result(), snapshot)),
            Retry(Reason.SERVER_SLOW, IN_HAND_SECONDS),
        )

    def _plan(
        self, order: Order, known: Results, in_hand: "Future[Results] | None", snapshot: SettingsSnapshot
    ) -> Mail | Answer:
        """The mail to be sent, or what is to be done instead. `known`: what is final from earlier attempts."""
        left = order.left(known)
        if not left:
            return Ok()
        if in_hand is not None:
            return self._answer(order, in_hand, snapshot)
        now = self._now()
        chosen = choose_server(snapshot, order.request.partition, self._trouble_of)
        if isinstance(chosen, NoServer):
            results = order.results(
                left, chosen.outcome, chosen.reason, now, server_id=chosen.server_id, reply=chosen.reply
            )
            return self._outcome(order, self._recorded(results), snapshot)
        seconds = self._pace.seconds_to_wait(chosen.server)
        if seconds:
            return Retry(Reason.RATE_LIMITED, seconds)
        return self._mail(order, left, chosen, snapshot, now)

    def _trouble_of(self, server: OutgoingServer) -> Trouble | None:
        return self._states.trouble(server, self._now())

    def _mail(
        self, order: Order, left: tuple[str, ...], chosen: Chosen, snapshot: SettingsSnapshot, now: datetime
    ) -> Mail | Outcome:
        format_ = choose_format(snapshot.email_options(), order.request.recipient_format)
        try:
            rendered = render(order.request, self._templates_of(snapshot), format_)
        except RenderError as error:
            return self._without_template(order, left, str(error), now)
        if rendered.broken:
            BROKEN_TEMPLATES.labels(order.request.event).inc()
            self._warn(rendered.broken, rendered.fault)
        return Mail(order, chosen.server, compose(order.request, rendered, chosen, now, self._token_keys), left)

    def _without_template(self, order: Order, left: tuple[str, ...], why: str, now: datetime) -> Dead:
        """Whoever asked is told; the ledger is not, so the record can be replayed once there is a template."""
        failed = order.results(left, "failed", Reason.UNKNOWN_TEMPLATE, now)
        return Dead(Reason.UNKNOWN_TEMPLATE, why, _told(order, failed))

    def _templates_of(self, snapshot: SettingsSnapshot) -> Templates:
        if self._templates[0] is not snapshot:
            self._templates = snapshot, Templates(snapshot)
            self._warned.clear()
            for template in snapshot.all_of(MessageTemplate):
                if why := check(template):
                    self._warn(f"message-template/{template.id}", why)
        return self._templates[1]

    def _warn(self, template: str, why: str) -> None:
        """Once for the settings in force, not for each mail."""
        if template not in self._warned:
            self._warned.add(template)
            log.warning("a message template is broken; mails are told by the built-in text", template=template, why=why)

    def _outcome(self, order: Order, results: Results, snapshot: SettingsSnapshot) -> Outcome:
        """What the shell is to do after an attempt, which is recorded: defer the record for those left, or be done."""
        waiting = [one for one in results if one.outcome == "deferred"]
        if waiting and exhausted(
            order.age_seconds(waiting[0].at), snapshot.email_options().give_up_after_hours * 3600.0, order.attempt
        ):
            results, waiting = self._recorded(map(_given_up, results)), []
        if waiting:
            reason = waiting[0].reason or Reason.SERVER_DEFERRED
            return Retry(reason, self._retry_after(order, waiting[0], snapshot), _told(order, results))
        failed = next((one.reason for one in results if one.outcome == "failed" and one.reason), None)
        return Ok(_told(order, results)) if failed is None else Reject(failed, _told(order, results))

    def _retry_after(self, order: Order, waiting: NotificationResult, snapshot: SettingsSnapshot) -> float:
        """At once where another server stands in by now for the one that failed."""
        chosen = choose_server(snapshot, order.request.partition, self._trouble_of)
        if isinstance(chosen, Chosen) and waiting.server_id not in (None, chosen.server.id):
            return NEXT_SERVER_SECONDS
        return retry_after(order.id, order.attempt)

    def _recorded(self, results: Iterable[NotificationResult]) -> Results:
        """Results that no lane gave, in the ledger."""
        kept = tuple(results)
        for result in kept:
            self._ledger.record(result)
        return kept

    def _with_statuses(self, answers: list[Answer]) -> list[Answer]:
        """Hands the servers' changed states to the first answer that can carry them."""
        for index, answer in enumerate(answers):
            if not isinstance(answer, Dead | Pending):
                answers[index] = self._with_status(answer)
                break
        return answers

    def _with_status(self, outcome: Outcome) -> Outcome:
        if isinstance(outcome, Dead):
            return outcome
        return _with_more(outcome, tuple(status_message(status) for status in self._states.take_changes()))


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


def _told(order: Order, results: Results) -> tuple[Message, ...]:
    return tuple(result_message(result, order.traceparent) for result in results)


def _untold(order: Order, known: Results) -> Results:
    """What the ledger knows and perhaps nobody else: a crash may have come between it and `notification.results`.

    Results of earlier attempts were told before the record was deferred. Where nobody is left, all is told again.
    """
    return tuple(one for one in known if one.attempt == order.attempt) if order.left(known) else known


def _given_up(result: NotificationResult) -> NotificationResult:
    if result.outcome != "deferred":
        return result
    return result.model_copy(update={"outcome": "failed", "reason": Reason.RETRIES_EXHAUSTED})


def _with_outputs(answer: Answer, more: tuple[Message, ...]) -> Answer:
    if isinstance(answer, Pending):
        pending = answer
        return replace(pending, outcome=lambda: _with_more(pending.outcome(), more))
    return _with_more(answer, more)


def _with_more(outcome: Outcome, more: tuple[Message, ...]) -> Outcome:
    if isinstance(outcome, Dead) or not more:
        return outcome
    return replace(outcome, outputs=outcome.outputs + more)
