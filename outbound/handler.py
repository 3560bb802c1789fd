"""outbound's work on a batch of `notification.requested`: what was sent before is told again, the rest is sent."""

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Protocol

from desk.deliveries import Known
from outbound.backoff import exhausted, retry_after
from outbound.choose_format import choose_format
from outbound.choose_server import Chosen, NoServer, choose_server
from outbound.compose import compose
from outbound.cpu import counted
from outbound.delivery import Delivery
from outbound.lane import Ledger, OutgoingMail
from outbound.pace import RateLimiter
from outbound.render import RenderError, Templates, render
from outbound.results import DeliveryJob, Results, given_up, open_order, result_records, unpublished_results
from outbound.server_states import CircuitBreakers, OpenCircuit, status_message
from outbound.turns import Turns, Waiting, keep, place
from runtime.decoding import decode_batch
from runtime.logs import get_logger
from runtime.metrics import BROKEN_TEMPLATES, REQUESTED_TO_SENT_SECONDS
from runtime.outcomes import Dead, FinalOutcome, InFlight, Ok, Outcome, Reject, Retry, answer_with_outputs, with_outputs
from runtime.template_trials import TemplateTrials
from schemas.events import NotificationResult
from schemas.reasons import Reason
from schemas.settings import MessageTemplate, OutgoingServer
from schemas.snapshot import SettingsSnapshot
from schemas.tokens import NO_KEYS, TokenKeys
from schemas.topics import NOTIFICATION_REQUESTED, Topic
from schemas.wire import Record

log = get_logger(__name__)

IN_HAND_SECONDS = 900.0  # after so long a mail that a lane had in hand has met its server's time-outs
NEXT_SERVER_SECONDS = 1.0  # until a mail that one server could not take goes to the one that stands in for it


class LookUpLedger(Ledger, Waiting, Protocol):
    """The ledger with its look-up: `desk.deliveries.DeliveryLedger`."""

    def look_up(self, notification_ids: Collection[str], lines: Collection[str]) -> Known: ...


class OutboundHandler:
    """`runtime.outcomes.Handler` of outbound. `settings` gives the snapshot that holds now; `now` an aware time.

    `pace` keeps the servers' limits, `token_keys` sign what is sent.
    """

    stage = "outbound"
    topics: tuple[Topic, ...] = (NOTIFICATION_REQUESTED,)

    def __init__(
        self,
        settings: Callable[[], SettingsSnapshot],
        ledger: LookUpLedger,
        delivery: Delivery,
        states: CircuitBreakers,
        now: Callable[[], datetime],
        pace: RateLimiter,
        token_keys: TokenKeys = NO_KEYS,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._delivery = delivery
        self._states = states
        self._now = now
        self._pace = pace
        self._token_keys = token_keys
        self._since = now()
        self._trials = TemplateTrials()
        self._templates = (SettingsSnapshot(), Templates(SettingsSnapshot()))
        self._warned: set[str] = set()  # the broken ones among these templates

    def handle(self, records: Sequence[Record]) -> Sequence[Outcome]:
        """One answer a record. Every mail whose results are there is in the ledger when it returns."""
        self._delivery.settle()
        orders, outcomes = decode_batch(records, open_order)
        answers: list[Outcome | None] = list(outcomes)
        # Before the ledger is asked: what is in hand no longer by then is in the ledger.
        in_hand = {order.id: work for _, order in orders if (work := self._delivery.in_hand(order.id))}
        planned_at = self._delivery.held.clock()
        known = self._ledger.look_up({order.id for _, order in orders}, {order.line for _, order in orders})
        finished = known.finished
        snapshot = self._settings()
        turns = Turns(known.deferred, self._is_in_hand, self._now(), self._since)
        mails: dict[str, tuple[int, OutgoingMail]] = {}
        with counted("render"):
            for index, order in sorted(orders, key=place):
                done = finished.get(order.id, ())
                planned = Ok() if order.id in mails else self._plan(order, done, in_hand.get(order.id), snapshot, turns)
                if isinstance(planned, OutgoingMail):
                    mails[order.id] = index, planned
                else:
                    answers[index] = planned
                if isinstance(planned, Retry):
                    turns.waits(order, planned)
                else:
                    turns.goes(order.id)
        results = self._delivery.deliver([mail for _, mail in mails.values()], planned_at) if mails else {}
        for id_, (index, mail) in mails.items():
            answers[index] = self._answer(mail.order, results[id_], snapshot)
        self._keep([(order, answer) for index, order in orders if (answer := answers[index])], turns.known)
        for index, order in orders:
            answer = answers[index]
            if answer is not None and order.id in finished:
                answers[index] = answer_with_outputs(
                    answer, result_records(order, unpublished_results(order, finished[order.id]))
                )
        return self._with_statuses([answer for answer in answers if answer is not None])

    def _answer(self, order: DeliveryJob, work: "Future[Results] | None", snapshot: SettingsSnapshot) -> Outcome:
        """`work`: of the lane that has the mail; None where it has too many."""
        if work is None:
            return Retry(Reason.SERVER_SLOW, retry_after(order.id, 1))
        if work.done():
            return self._outcome(order, work.result(), snapshot)
        return InFlight(
            work,
            lambda: self._with_status(self._settled(order, work.result(), snapshot)),
            Retry(Reason.SERVER_SLOW, IN_HAND_SECONDS),
            lambda fallback: self._let_go(order, work, fallback),
        )

    def _settled(self, order: DeliveryJob, results: Results, snapshot: SettingsSnapshot) -> FinalOutcome:
        """Of a mail that was in hand."""
        outcome = self._outcome(order, results, snapshot)
        self._keep([(order, outcome)], (order.id,) if order.attempt > 1 else ())
        return outcome

    def _let_go(self, order: DeliveryJob, work: "Future[Results]", fallback: Retry) -> None:
        """Its record is deferred while a lane may still be sending the mail: once that is done, nobody waits for it."""
        self._keep([(order, fallback)], ())

        def ended(work: "Future[Results]") -> None:
            if not work.cancelled() and all(result.outcome != "deferred" for result in work.result()):
                self._ledger.drop([order.id])

        work.add_done_callback(ended)

    def _keep(self, answers: Sequence[tuple[DeliveryJob, Outcome]], waited: Collection[str]) -> None:
        keep(self._ledger, answers, waited, self._now())
        for order, answer in answers:
            if not isinstance(answer, InFlight):
                self._delivery.held.kept(order)

    def _plan(
        self,
        order: DeliveryJob,
        known: Results,
        in_hand: "Future[Results] | None",
        snapshot: SettingsSnapshot,
        turns: Turns,
    ) -> OutgoingMail | Outcome:
        """The mail to be sent, or what is to be done instead. `known`: what is final from earlier attempts."""
        left = order.left(known)
        if not left:
            return Ok()
        if in_hand is not None:
            return self._answer(order, in_hand, snapshot)
        behind = turns.ahead(order)
        if behind and behind.reason is Reason.EARLIER_DEFERRED:
            return behind
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
        if behind:
            return behind
        return self._mail(order, left, chosen, snapshot, now)

    def _trouble_of(self, server: OutgoingServer) -> OpenCircuit | None:
        return self._states.trouble(server, self._now())

    def _mail(
        self, order: DeliveryJob, left: tuple[str, ...], chosen: Chosen, snapshot: SettingsSnapshot, now: datetime
    ) -> OutgoingMail | FinalOutcome:
        format_ = choose_format(snapshot.email_options(), order.request.recipient_format)
        try:
            rendered = render(order.request, self._templates_of(snapshot), format_)
        except RenderError as error:
            return self._without_template(order, left, str(error), now)
        if rendered.broken:
            BROKEN_TEMPLATES.labels(order.request.event).inc()
            self._warn(rendered.broken, rendered.fault)
        return OutgoingMail(order, chosen.server, compose(order.request, rendered, chosen, now, self._token_keys), left)

    def _without_template(self, order: DeliveryJob, left: tuple[str, ...], why: str, now: datetime) -> Dead:
        """Whoever asked is told; the ledger is not, so the record can be replayed once there is a template."""
        failed = order.results(left, "failed", Reason.UNKNOWN_TEMPLATE, now)
        return Dead(Reason.UNKNOWN_TEMPLATE, why, result_records(order, failed))

    def _templates_of(self, snapshot: SettingsSnapshot) -> Templates:
        if self._templates[0] is not snapshot:
            faults = self._trials.faults(snapshot.all_of(MessageTemplate))
            self._templates = snapshot, Templates(snapshot, faults)
            self._warned.clear()
            for id_, why in faults.items():
                self._warn(f"message-template/{id_}", why)
        return self._templates[1]

    def _warn(self, template: str, why: str) -> None:
        """Once for the settings in force, not for each mail."""
        if template not in self._warned:
            self._warned.add(template)
            log.warning("a message template is broken; mails are told by the built-in text", template=template, why=why)

    def _outcome(self, order: DeliveryJob, results: Results, snapshot: SettingsSnapshot) -> FinalOutcome:
        """What the shell is to do after an attempt, which is recorded: defer the record for those left, or be done."""
        _measure(order, results, snapshot)
        waiting = [one for one in results if one.outcome == "deferred"]
        if (
            waiting
            and waiting[0].reason is not Reason.EARLIER_DEFERRED
            and exhausted(
                order.age_seconds(waiting[0].at), snapshot.email_options().give_up_after_hours * 3600.0, order.attempt
            )
        ):
            results, waiting = self._recorded(map(given_up, results)), []
        if waiting:
            reason = waiting[0].reason or Reason.SERVER_DEFERRED
            return Retry(reason, self._retry_after(order, waiting[0], snapshot), result_records(order, results))
        failed = next((one.reason for one in results if one.outcome == "failed" and one.reason), None)
        return Ok(result_records(order, results)) if failed is None else Reject(failed, result_records(order, results))

    def _retry_after(self, order: DeliveryJob, waiting: NotificationResult, snapshot: SettingsSnapshot) -> float:
        """At once where another server stands in by now for the one that failed."""
        chosen = choose_server(snapshot, order.request.partition, self._trouble_of)
        if isinstance(chosen, Chosen) and waiting.server_id not in (None, chosen.server.id):
            return NEXT_SERVER_SECONDS
        return retry_after(order.id, order.attempt, server_is_away=waiting.reason is not Reason.SERVER_DEFERRED)

    def _is_in_hand(self, notification_id: str) -> bool:
        return self._delivery.in_hand(notification_id) is not None

    def _recorded(self, results: Iterable[NotificationResult]) -> Results:
        """Results that no lane gave, in the ledger."""
        kept = tuple(results)
        if kept:
            self._ledger.record(*kept)
        return kept

    def _with_statuses(self, answers: list[Outcome]) -> list[Outcome]:
        """Hands the servers' changed states to the first answer that can carry them."""
        for index, answer in enumerate(answers):
            if not isinstance(answer, Dead | InFlight):
                answers[index] = self._with_status(answer)
                break
        return answers

    def _with_status(self, outcome: FinalOutcome) -> FinalOutcome:
        if isinstance(outcome, Dead):
            return outcome
        return with_outputs(outcome, tuple(status_message(status) for status in self._states.take_changes()))


def _measure(order: DeliveryJob, results: Results, snapshot: SettingsSnapshot) -> None:
    """How long it took until each recipient's mail was sent. Others may name partitions that the settings have not."""
    partition = order.request.partition or ""
    known = partition if snapshot.partition(partition) else ""
    for one in results:
        if one.outcome == "sent":
            REQUESTED_TO_SENT_SECONDS.labels(known).observe(max(0.0, order.age_seconds(one.at)))
