"""Proof that every mail is accounted for: each mail on `mail.fetched` ends in exactly one way, or is still on its way.

`balance` is pure, `gather` reads. Positions of the stages are read first, then dead letters, then the rest: what a
stage has passed shows its effect by then, and a dead letter replayed meanwhile is found on its topic again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from console.audit.dead_letters import DeadLetter, dead_letters
from console.mails.index.facts import header_texts
from console.topics.progress import Positions, Seen, counted, ignore, read_positions
from desk.engine import open_desk, read_transaction
from desk.ledger import mail_outcomes
from runtime.config import ProcessConfig
from runtime.kafka.topic_reader import read_to_end
from schemas.events import REPORTS
from schemas.fetched import open_fetched
from schemas.topics import MAIL_FETCHED, MAIL_REJECTED, MAIL_RESOLVED, NOTIFICATION_RESULTS
from schemas.wire import Record, UndecodableError, decode

REPLAYED = "replayed"  # header of a mail that `mailcall replay` sent on once more: when
_AGAIN = (REPLAYED, "ce_released")  # headers of mails that are sent on once more after they had been rejected
DEAD_LETTERED = "dead-lettered"
REJECTED = "rejected"
NOTIFICATION_RESULT = "notification-result"
# Every way a mail can end, in the order in which the balance is shown; the first six are the desk's ledger's words.
ENDS = (
    "call-logged",
    "item-updated",
    "item-closed",
    "item-reopened",
    "action-refused",
    "duplicate",
    REJECTED,
    NOTIFICATION_RESULT,
    DEAD_LETTERED,
)
STAGES = {"resolver": MAIL_FETCHED, "logger": MAIL_RESOLVED}


@dataclass(frozen=True, slots=True)
class ReconcileInput:
    """What is known of the mails. `ends`: mail id -> (way it ended, item reference or reason), each once.

    `places`: mail id -> where it waits or waited: (stage that reads it there, partition, offset), one for every record.
    `fetched`: mail ids on `mail.fetched`, and how many records of each. A record that is no mail stands there by its
    place, `partition/offset`. `again`: those sent on once more after they had been rejected (`mailcall mail release`,
    `mailcall replay`).
    """

    fetched: Mapping[str, int]
    ends: Mapping[str, frozenset[tuple[str, str]]]
    places: Mapping[str, tuple[tuple[str, int, int], ...]]
    positions: Positions
    again: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class MailOutcome:
    """Where one mail is: `end` is a way it ended, or `on the way`, `missing` or `double`."""

    mail_id: str
    end: str
    detail: str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The account. Balanced when no mail is missing and none ended twice."""

    records: int
    statuses: tuple[MailOutcome, ...]
    outcomes: Mapping[str, int] = field(default_factory=dict)

    @property
    def mails(self) -> int:
        return len(self.statuses)

    @property
    def balanced(self) -> bool:
        return not (self.outcomes.get(MISSING) or self.outcomes.get(DOUBLE))

    @property
    def on_the_way(self) -> int:
        return self.outcomes.get(ON_THE_WAY, 0)


ON_THE_WAY, MISSING, DOUBLE = "on-the-way", "missing", "double"


def reconcile(config: ProcessConfig, seen: Seen = ignore) -> Reconciliation:
    """The balance at this moment. Raises `OutageError`, `TopicMissingError`."""
    return balance(gather(config, seen))


def balance(facts: ReconcileInput) -> Reconciliation:
    """Each fetched mail with its one end, or with what is wrong."""
    statuses = tuple(_outcome_of(mail_id, facts) for mail_id in facts.fetched)
    counts = Counter(mail.end for mail in statuses)
    shown = {end: counts[end] for end in (*ENDS, ON_THE_WAY, MISSING, DOUBLE)}
    return Reconciliation(sum(facts.fetched.values()), statuses, shown)


def gather(config: ProcessConfig, seen: Seen = ignore) -> ReconcileInput:
    """Everything the topics and the desk say now of the mails that `mail.fetched` still holds."""
    positions = read_positions(config, STAGES)
    letters = [letter for letter in dead_letters(config, (MAIL_FETCHED, MAIL_RESOLVED)) if letter.replayed_at is None]
    collector = _Collector(config)
    collector.topics(seen)
    collector.dead_letters(letters)
    engine = open_desk(config.desk_url)
    try:
        with read_transaction(engine) as connection:
            for mail_id, outcome, reference in mail_outcomes(connection):
                collector.ends[mail_id].add((outcome, reference or ""))
    finally:
        engine.dispose()
    ends = {mail_id: frozenset(found) for mail_id, found in collector.ends.items()}
    places = {mail_id: tuple(found) for mail_id, found in collector.places.items()}
    return ReconcileInput(collector.fetched, ends, places, positions, frozenset(collector.again))


def _outcome_of(mail_id: str, facts: ReconcileInput) -> MailOutcome:
    ends = facts.ends.get(mail_id, frozenset())
    # A mail that was fetched again after it had been dead-lettered ends as the later try does, and so does one that was
    # released or replayed after it had been rejected.
    passing = {DEAD_LETTERED, REJECTED, NOTIFICATION_RESULT} if mail_id in facts.again else {DEAD_LETTERED}
    final = {end: detail for end, detail in sorted(ends) if end not in passing}
    if len(final) > 1:
        return MailOutcome(mail_id, DOUBLE, ", ".join(final))
    for end, detail in final.items():
        return MailOutcome(mail_id, end, detail)
    for stage, partition, offset in facts.places.get(mail_id, ()):
        if offset >= facts.positions.get((stage, partition), 0):
            return MailOutcome(mail_id, ON_THE_WAY, f"waits for the {stage}")
    for end, detail in sorted(ends):
        return MailOutcome(mail_id, end, detail)
    return MailOutcome(mail_id, MISSING, "every stage has passed it, and no end is known")


class _Collector:
    """What one run over the topics finds."""

    def __init__(self, config: ProcessConfig) -> None:
        self._config = config
        self.fetched: Counter[str] = Counter()
        self.ends: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        self.places: defaultdict[str, list[tuple[str, int, int]]] = defaultdict(list)
        self.again: set[str] = set()
        self._mail_at: dict[tuple[int, int], str] = {}

    def topics(self, seen: Seen) -> None:
        prefix = self._config.topic_prefix
        handlers = {
            MAIL_FETCHED.name(prefix): self._fetched,
            MAIL_RESOLVED.name(prefix): self._resolved,
            MAIL_REJECTED.name(prefix): self._rejected,
            NOTIFICATION_RESULTS.name(prefix): self._result,
        }
        for record in counted(read_to_end(self._config, list(handlers)), seen):
            handlers[record.topic](record)

    def dead_letters(self, letters: Iterable[DeadLetter]) -> None:
        """Dead letters that were not replayed: one that was is no end any more, but on its way again."""
        for letter in letters:
            mail_id = letter.mail_id
            if letter.topic == MAIL_FETCHED.short and letter.original is not None:
                mail_id = self._mail_at.get(letter.original, mail_id)
            self.ends[mail_id].add((DEAD_LETTERED, letter.reason))

    def _fetched(self, record: Record) -> None:
        mail_id = fetched_id(record)
        if not header_texts(record).keys().isdisjoint(_AGAIN):
            self.again.add(mail_id)
        self.fetched[mail_id] += 1
        self._mail_at[record.partition, record.offset] = mail_id
        self.places[mail_id].append(("resolver", record.partition, record.offset))

    def _resolved(self, record: Record) -> None:
        self.places[header_texts(record).get("ce_id", "")].append(("logger", record.partition, record.offset))

    def _rejected(self, record: Record) -> None:
        try:
            mail = decode(MAIL_REJECTED, record)[1]
        except UndecodableError:
            return  # not one of ours: no mail of ours ended with it
        self.ends[mail.mail_id].add((REJECTED, str(mail.reason)))

    def _result(self, record: Record) -> None:
        headers = header_texts(record)
        if headers.get("ce_source") == REPORTS:
            self.ends[headers.get("ce_id", "")].add((NOTIFICATION_RESULT, ""))


def fetched_id(record: Record) -> str:
    """The mail's id as the resolver gives it; for a record that is no mail, its place."""
    try:
        return open_fetched(record).mail_id
    except UndecodableError:
        return f"{record.partition}/{record.offset}"


def summary(balance: Reconciliation, each: Iterable[MailOutcome] = ()) -> dict[str, object]:
    """The balance as plain data: what `mailcall reconcile --json` prints."""
    wrong = [mail for mail in balance.statuses if mail.end in (MISSING, DOUBLE)]
    return {
        "balanced": balance.balanced,
        "mails": balance.mails,
        "records": balance.records,
        "outcomes": dict(balance.outcomes),
        "wrong": [{"mail_id": mail.mail_id, "end": mail.end, "detail": mail.detail} for mail in wrong],
        "each": [{"mail_id": mail.mail_id, "end": mail.end, "detail": mail.detail} for mail in each],
    }
