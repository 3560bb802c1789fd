"""One storm: how it went, sample by sample, and whether each of its mails was handled once and in order."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, select

from deploy.local.scaling.storm_mails import StormMail
from desk.tables import items, mails


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How `mails` ended. `lost`: no call, or no acknowledgement; `twice`: calls and acknowledgements
    that are one too many; `late_...`: those that came after a later one of the same sender.
    """

    mails: int
    lost: int
    twice: int
    late_calls: int
    late_answers: int

    @property
    def ok(self) -> bool:
        return self.mails > 0 and not (self.lost or self.twice or self.late_calls or self.late_answers)


def outcome(connection: Connection, answers: Mapping[str, Sequence[str]], sent: Sequence[StormMail]) -> Outcome:
    """What the desk holds of the mails, and which answers came: Message-ID of a mail -> those of its answers, in the
    order in which they came.
    """
    by_subject = {f"Mail {mail.number}": mail for mail in sent}
    logged = connection.scalars(select(items.c.subject).order_by(items.c.id))
    calls = [by_subject[subject] for subject in logged if subject in by_subject]
    by_message_id = {mail.message_id: mail for mail in sent}
    answered = [by_message_id[answer] for answer in answers if answer in by_message_id]
    taken = set(connection.scalars(select(mails.c.mail_id).where(mails.c.outcome == "call-logged")))
    called = Counter(mail.number for mail in calls)
    return Outcome(
        mails=len(sent),
        lost=sum(mail.mail_id not in taken or not called[mail.number] for mail in sent) + len(sent) - len(answered),
        twice=len(calls) - len(called) + sum(len(answers[mail.message_id]) - 1 for mail in answered),
        late_calls=_overtaken(calls),
        late_answers=_overtaken(answered),
    )


def _overtaken(came: Iterable[StormMail]) -> int:
    """How many came after a later one of the same sender."""
    last: dict[str, int] = defaultdict(lambda: -1)
    count = 0
    for mail in came:
        count += mail.number < last[mail.sender]
        last[mail.sender] = max(last[mail.sender], mail.number)
    return count


class Kind(StrEnum):
    """What happens while a storm lasts.

    `ROLLED`: every stage is rolled as soon as one has as many replicas as it may have, or all is done. `HELD`: a stage
    has no replica, as with KEDA's annotation `paused-replicas`, until those before it have handled all: then every mail
    waits for it. `HELD_ROLLED`: the same, and each stage is rolled when it has as many replicas as it may have.
    """

    PLAIN = "plain"
    ROLLED = "rolled"
    HELD = "held"
    HELD_ROLLED = "held-rolled"

    @property
    def held(self) -> bool:
        return self in (Kind.HELD, Kind.HELD_ROLLED)

    @property
    def rolled(self) -> bool:
        return self in (Kind.ROLLED, Kind.HELD_ROLLED)


@dataclass(frozen=True, slots=True)
class Sample:
    """The state at this many seconds after the storm broke: replicas and lag by stage, answers in the sink, and records
    that wait on `.retry`, which no autoscaler counts.
    """

    at: float
    replicas: Mapping[str, int]
    lag: Mapping[str, int]
    answers: int
    deferred: int


@dataclass(frozen=True, slots=True)
class Result:
    """One storm. `replaced`: replicas of each stage that were rolled while it lasted; empty where none was to be."""

    kind: Kind
    replaced: Mapping[str, int]
    samples: Sequence[Sample]
    outcome: Outcome

    def replicas(self, stage: str) -> list[int]:
        """One after the other, without repetitions."""
        counts = [sample.replicas[stage] for sample in self.samples]
        return [count for at, count in enumerate(counts) if at == 0 or count != counts[at - 1]]

    def most_lag(self, stage: str) -> int:
        return max(sample.lag[stage] for sample in self.samples)

    @property
    def drained_seconds(self) -> float:
        """Until the last answer came."""
        return next(sample.at for sample in self.samples if sample.answers == self.samples[-1].answers)

    def as_dict(self) -> dict[str, Any]:
        stages = self.samples[0].replicas
        return {
            "kind": self.kind,
            "replaced": self.replaced,
            "drained_seconds": self.drained_seconds,
            "seconds": self.samples[-1].at,
            "replicas": {stage: self.replicas(stage) for stage in stages},
            "most_lag": {stage: self.most_lag(stage) for stage in stages},
            "outcome": asdict(self.outcome),
            "samples": [asdict(sample) for sample in self.samples],
        }


def show(result: Result, console: Console) -> None:
    table = Table("", "replicas", "most lag", box=None, header_style="bold")
    for stage in result.samples[0].replicas:
        table.add_row(stage, " ".join(map(str, result.replicas(stage))), str(result.most_lag(stage)))
    console.print(table)
    ended = result.samples[-1]
    console.print(
        f"{result.outcome.mails} mails: the last was answered after {result.drained_seconds} s, all stages had their "
        f"fewest replicas after {ended.at} s"
    )
    if result.replaced:
        console.print("replaced meanwhile: " + ", ".join(f"{n} {stage}" for stage, n in result.replaced.items()))
    counts = {name.replace("_", " "): count for name, count in asdict(result.outcome).items() if name != "mails"}
    console.print(", ".join(f"{name} {count}" for name, count in counts.items()))
