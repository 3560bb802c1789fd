"""From a notification to a message ready to be sent: its turn, its server, its template, its bytes; or why not now."""

from collections.abc import Callable
from datetime import datetime

from outbound.choose import Chosen, CircuitOf, NoServer, choose_format, choose_server
from outbound.compose import compose
from outbound.delivery_order import DeliveryOrder
from outbound.message_sender import OutgoingMail
from outbound.render import RenderError, Templates, render
from outbound.results import DeliveryJob, RecordResults, result_records
from outbound.retry_policy import RetryPolicy
from outbound.server_availability import RateLimiter
from runtime.child.template_checks import TemplateChecker
from runtime.processing.outcomes import Dead, FinalOutcome, Ok, Retry
from runtime.telemetry.logs import get_logger
from runtime.telemetry.metrics import BROKEN_TEMPLATES
from schemas.reasons import Reason
from schemas.settings import MessageTemplate
from schemas.snapshot import SettingsSnapshot
from schemas.tokens import TokenKeys

log = get_logger(__name__)


class Planner:
    """Used by one thread. `rate_limiter` keeps the servers' limits, `token_keys` sign what is sent.

    `record` puts results into the ledger and returns them; `circuit_of`: why a server is not to be used now.
    """

    def __init__(
        self,
        record: RecordResults,
        policy: RetryPolicy,
        circuit_of: CircuitOf,
        rate_limiter: RateLimiter,
        token_keys: TokenKeys,
        now: Callable[[], datetime],
    ) -> None:
        self._record = record
        self._policy = policy
        self._circuit_of = circuit_of
        self._rate_limiter = rate_limiter
        self._token_keys = token_keys
        self._now = now
        self._trials = TemplateChecker()
        self._templates = (SettingsSnapshot(), Templates(SettingsSnapshot()))
        self._warned: set[str] = set()  # the broken ones among these templates

    def plan(
        self, job: DeliveryJob, left: tuple[str, ...], snapshot: SettingsSnapshot, order: DeliveryOrder
    ) -> OutgoingMail | FinalOutcome:
        """The message to be sent, or what is to be done instead. `left`: the recipients who have no final result."""
        if not left:
            return Ok()
        earlier = order.wait_for_earlier(job)
        if earlier and earlier.reason is Reason.EARLIER_DEFERRED:
            return earlier
        now = self._now()
        chosen = choose_server(snapshot, job.request.partition, self._circuit_of)
        if isinstance(chosen, NoServer):
            results = job.results(
                left, chosen.outcome, chosen.reason, now, server_id=chosen.server_id, reply=chosen.reply
            )
            return self._policy.outcome(job, self._record(results), snapshot)
        seconds = self._rate_limiter.seconds_to_wait(chosen.server)
        if seconds:
            return Retry(Reason.RATE_LIMITED, seconds)
        if earlier:
            return earlier
        return self._compose(job, left, chosen, snapshot, now)

    def _compose(
        self, job: DeliveryJob, left: tuple[str, ...], chosen: Chosen, snapshot: SettingsSnapshot, now: datetime
    ) -> OutgoingMail | Dead:
        format_ = choose_format(snapshot.email_options(), job.request.recipient_format)
        try:
            rendered = render(job.request, self._templates_of(snapshot), format_)
        except RenderError as error:
            # The person who asked is notified; the ledger is not, so that the record can be replayed once there is a
            # template.
            failed = job.results(left, "failed", Reason.UNKNOWN_TEMPLATE, now)
            return Dead(Reason.UNKNOWN_TEMPLATE, str(error), result_records(job, failed))
        if rendered.broken:
            BROKEN_TEMPLATES.labels(job.request.event).inc()
            self._warn(rendered.broken, rendered.fault)
        return OutgoingMail(job, chosen.server, compose(job.request, rendered, chosen, now, self._token_keys), left)

    def _templates_of(self, snapshot: SettingsSnapshot) -> Templates:
        if self._templates[0] is not snapshot:
            faults = self._trials.faults(snapshot.all_of(MessageTemplate))
            self._templates = snapshot, Templates(snapshot, faults)
            self._warned.clear()
            for id_, why in faults.items():
                self._warn(f"message-template/{id_}", why)
        return self._templates[1]

    def _warn(self, template: str, why: str) -> None:
        """Once for the settings in force, not for each message."""
        if template not in self._warned:
            self._warned.add(template)
            log.warning("a message template is broken; the built-in text is sent instead", template=template, why=why)
