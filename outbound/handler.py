"""outbound's work on a batch of `notification.requested`: what was sent before is reported again, the rest is sent."""

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Protocol

from desk.deliveries import DeliveryResult, Known
from outbound.cpu import counted
from outbound.delivery import Delivery
from outbound.delivery_order import DeferralLedger, DeliveryOrder, topic_order, update_deferrals
from outbound.message_sender import OutgoingMail
from outbound.planning import Planner
from outbound.recording import Ledger
from outbound.results import DeliveryJob, Results, open_job, result_records, unpublished_results
from outbound.retry_policy import RetryPolicy, retry_after
from outbound.server_availability import CircuitBreakers, OpenCircuit, RateLimiter, status_record
from runtime.processing.outcomes import (
    Dead,
    FinalOutcome,
    InFlight,
    Ok,
    Outcome,
    Retry,
    decode_batch,
    with_outputs,
    with_outputs_at_the_end,
)
from schemas.reasons import Reason
from schemas.settings import OutgoingServer
from schemas.snapshot import SettingsSnapshot
from schemas.tokens import NO_KEYS, TokenKeys
from schemas.topics import NOTIFICATION_REQUESTED, Topic
from schemas.wire import Record

IN_FLIGHT_SECONDS = 900.0  # by then a message that a connection has in flight has met its server's time-outs


class LookUpLedger(Ledger, DeferralLedger, Protocol):
    """The ledger with its look-up: `desk.deliveries.DeliveryLedger`."""

    def look_up(self, notification_ids: Collection[str], lines: Collection[str]) -> Known: ...


class OutboundHandler:
    """The `Handler` of outbound. `settings` gives the snapshot in force; `now` an aware time.

    `rate_limiter` keeps the servers' limits, `token_keys` sign what is sent.
    """

    stage = "outbound"
    topics: tuple[Topic, ...] = (NOTIFICATION_REQUESTED,)

    def __init__(
        self,
        settings: Callable[[], SettingsSnapshot],
        ledger: LookUpLedger,
        delivery: Delivery,
        breakers: CircuitBreakers,
        now: Callable[[], datetime],
        rate_limiter: RateLimiter,
        token_keys: TokenKeys = NO_KEYS,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._delivery = delivery
        self._breakers = breakers
        self._now = now
        self._started_at = now()
        self._policy = RetryPolicy(self._record, self._circuit_of)
        self._planner = Planner(self._record, self._policy, self._circuit_of, rate_limiter, token_keys, now)

    def handle(self, records: Sequence[Record]) -> Sequence[Outcome]:
        """One outcome per record. Every message whose results are there is in the ledger when it returns."""
        self._delivery.flush_ledger()
        jobs, decoded = decode_batch(records, open_job)
        outcomes: list[Outcome | None] = list(decoded)
        # Before the look-up in the ledger: a message that is in flight no longer by then is in the ledger.
        in_flight = {job.id: work for _, job in jobs if (work := self._delivery.in_flight(job.id))}
        planned_at = self._delivery.deferrals.clock()
        known = self._ledger.look_up({job.id for _, job in jobs}, {job.line for _, job in jobs})
        finished = known.finished
        snapshot = self._settings()
        order = DeliveryOrder(known.deferred, self._is_in_flight, self._now(), self._started_at)
        mails: dict[str, tuple[int, OutgoingMail]] = {}
        with counted("render"):
            for index, job in sorted(jobs, key=topic_order):
                planned: OutgoingMail | Outcome
                if job.id in mails:
                    planned = Ok()
                elif (left := job.left(finished.get(job.id, ()))) and (work := in_flight.get(job.id)):
                    planned = self._outcome(job, work, snapshot)
                else:
                    planned = self._planner.plan(job, left, snapshot, order)
                if isinstance(planned, OutgoingMail):
                    mails[job.id] = index, planned
                else:
                    outcomes[index] = planned
                if isinstance(planned, Retry):
                    order.defer(job, planned)
                else:
                    order.release(job.id)
        results = self._delivery.deliver([mail for _, mail in mails.values()], planned_at) if mails else {}
        for id_, (index, mail) in mails.items():
            outcomes[index] = self._outcome(mail.job, results[id_], snapshot)
        self._update_deferrals([(job, outcome) for index, job in jobs if (outcome := outcomes[index])], order.deferred)
        for index, job in jobs:
            outcome = outcomes[index]
            if outcome is not None and job.id in finished:
                outcomes[index] = with_outputs_at_the_end(
                    outcome, result_records(job, unpublished_results(job, finished[job.id]))
                )
        return self._with_statuses([outcome for outcome in outcomes if outcome is not None])

    def _outcome(self, job: DeliveryJob, work: "Future[Results] | None", snapshot: SettingsSnapshot) -> Outcome:
        """`work`: of the connection that has the message; None where it has too many."""
        if work is None:
            return Retry(Reason.SERVER_SLOW, retry_after(job.id, 1))
        if work.done():
            return self._policy.outcome(job, work.result(), snapshot)
        return InFlight(
            work,
            lambda: self._with_status(self._completed(job, work.result(), snapshot)),
            Retry(Reason.SERVER_SLOW, IN_FLIGHT_SECONDS),
            lambda fallback: self._defer_in_flight(job, work, fallback),
        )

    def _completed(self, job: DeliveryJob, results: Results, snapshot: SettingsSnapshot) -> FinalOutcome:
        """Of a message that was in flight."""
        outcome = self._policy.outcome(job, results, snapshot)
        self._update_deferrals([(job, outcome)], (job.id,) if job.attempt > 1 else ())
        return outcome

    def _defer_in_flight(self, job: DeliveryJob, work: "Future[Results]", fallback: Retry) -> None:
        """Its record is deferred while a connection may still be sending it: once sent, nothing waits behind it."""
        self._update_deferrals([(job, fallback)], ())

        def drop_if_sent(work: "Future[Results]") -> None:
            if not work.cancelled() and all(result.outcome != "deferred" for result in work.result()):
                self._ledger.drop([job.id])

        work.add_done_callback(drop_if_sent)

    def _update_deferrals(self, outcomes: Sequence[tuple[DeliveryJob, Outcome]], deferred: Collection[str]) -> None:
        update_deferrals(self._ledger, outcomes, deferred, self._now())
        for job, outcome in outcomes:
            if not isinstance(outcome, InFlight):
                self._delivery.deferrals.mark_recorded(job)

    def _circuit_of(self, server: OutgoingServer) -> OpenCircuit | None:
        return self._breakers.open_circuit(server, self._now())

    def _is_in_flight(self, notification_id: str) -> bool:
        return self._delivery.in_flight(notification_id) is not None

    def _record(self, results: Iterable[DeliveryResult]) -> Results:
        """Results that no connection gave, in the ledger."""
        recorded = tuple(results)
        if recorded:
            self._ledger.record(*recorded)
        return recorded

    def _with_statuses(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Adds the servers' changed statuses to the first outcome that can carry them."""
        for index, outcome in enumerate(outcomes):
            if not isinstance(outcome, Dead | InFlight):
                outcomes[index] = self._with_status(outcome)
                break
        return outcomes

    def _with_status(self, outcome: FinalOutcome) -> FinalOutcome:
        if isinstance(outcome, Dead):
            return outcome
        return with_outputs(outcome, tuple(status_record(status) for status in self._breakers.take_changes()))
