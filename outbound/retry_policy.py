"""After an attempt to send: is the notification done, retried later, or given up? Jitter is derived from its id."""

import zlib

from desk.deliveries import DeliveryResult
from outbound.choose import CircuitOf, NoServer, choose_server
from outbound.results import DeliveryJob, RecordResults, Results, given_up, result_records
from runtime.backoff import doubled
from runtime.processing.outcomes import FinalOutcome, Ok, Reject, Retry
from runtime.telemetry.metrics import REQUESTED_TO_SENT_SECONDS
from schemas.reasons import Reason
from schemas.snapshot import SettingsSnapshot

FIRST_SECONDS = 30.0
LONGEST_SECONDS = 3600.0
UNAVAILABLE_SECONDS = 600.0
FEWEST_ATTEMPTS = 8  # a message that waited for us, not for its server, is still tried for about an hour
JITTER = 0.2
NEXT_SERVER_SECONDS = 1.0  # until a message that one server could not take goes to that server's fallback


def retry_after(notification_id: str, attempt: int, *, server_is_unavailable: bool = False) -> float:
    """Seconds until the next try after attempt number `attempt` (from 1): 30 s, doubled each time, up to an hour.

    Up to ten minutes where it is the server that is unavailable: once it is back, nobody waits longer.

    Up to a fifth is added, so that messages deferred together do not come back together.
    """
    longest = UNAVAILABLE_SECONDS if server_is_unavailable else LONGEST_SECONDS
    seconds = doubled(attempt, FIRST_SECONDS, longest)
    share = zlib.crc32(f"{notification_id}/{attempt}".encode()) / 0xFFFFFFFF
    return seconds * (1 + JITTER * share)


def exhausted(age_seconds: float, lifetime_seconds: float, attempt: int) -> bool:
    """Whether a message of this age is given up after this attempt."""
    return age_seconds >= lifetime_seconds and attempt >= FEWEST_ATTEMPTS


class RetryPolicy:
    """Used by one thread. `record` puts results into the ledger; `circuit_of`: why a server is not to be used now."""

    def __init__(
        self,
        record: RecordResults,
        circuit_of: CircuitOf,
    ) -> None:
        self._record = record
        self._circuit_of = circuit_of

    def outcome(self, job: DeliveryJob, results: Results, snapshot: SettingsSnapshot) -> FinalOutcome:
        """Of an attempt that is recorded: retry the record for the recipients that are left, or be done with it."""
        _measure(job, results, snapshot)
        deferred = next((result for result in results if result.outcome == "deferred"), None)
        if deferred is not None and _is_given_up(job, deferred, snapshot):
            results, deferred = self._record(map(given_up, results)), None
        if deferred is not None:
            reason = deferred.reason or Reason.SERVER_DEFERRED
            return Retry(reason, self._retry_after(job, deferred, snapshot), result_records(job, results))
        failed = next((result.reason for result in results if result.outcome == "failed" and result.reason), None)
        return Ok(result_records(job, results)) if failed is None else Reject(failed, result_records(job, results))

    def _retry_after(self, job: DeliveryJob, deferred: DeliveryResult, snapshot: SettingsSnapshot) -> float:
        """At once where a fallback sends by now instead of the server that failed."""
        chosen = choose_server(snapshot, job.request.partition, self._circuit_of)
        if not isinstance(chosen, NoServer) and deferred.server_id not in (None, chosen.server.id):
            return NEXT_SERVER_SECONDS
        is_unavailable = deferred.reason is not Reason.SERVER_DEFERRED
        return retry_after(job.id, job.attempt, server_is_unavailable=is_unavailable)


def _is_given_up(job: DeliveryJob, deferred: DeliveryResult, snapshot: SettingsSnapshot) -> bool:
    """One that waits for an earlier one is not: it has had no attempt of its own."""
    if deferred.reason is Reason.EARLIER_DEFERRED:
        return False
    lifetime_seconds = snapshot.email_options().give_up_after_hours * 3600.0
    return exhausted(job.age_seconds(deferred.at), lifetime_seconds, job.attempt)


def _measure(job: DeliveryJob, results: Results, snapshot: SettingsSnapshot) -> None:
    """How long it took until each recipient's message was sent. A partition that the settings lack counts as none."""
    partition = job.request.partition or ""
    label = partition if snapshot.partition(partition) else ""
    for result in results:
        if result.outcome == "sent":
            REQUESTED_TO_SENT_SECONDS.labels(label).observe(max(0.0, job.age_seconds(result.at)))
