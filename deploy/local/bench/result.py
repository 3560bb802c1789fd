"""What a run of the benchmark found: what `build/bench.json` holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deploy.local.bench.idle import Idle
from deploy.local.bench.measure import quantile
from deploy.local.bench.outcome import Outcome
from deploy.local.bench.side import STEPS, Turn
from deploy.local.bench.turns import Figures, Ratio, mean, ratios
from deploy.local.pipeline import PROCESSES

LATENCIES = {"p50": 0.5, "p99": 0.99}


@dataclass
class Measured:
    """Of one build, turn by turn: CPU until ready in seconds, latency in milliseconds, idle CPU in % of a core."""

    starts: list[Figures] = field(default_factory=list)
    bursts: list[Turn] = field(default_factory=list)
    latencies: list[Sequence[float]] = field(default_factory=list)
    idle: list[Figures] = field(default_factory=list)
    peak_rss_mb: Figures = field(default_factory=dict)

    @property
    def mails(self) -> int:
        return sum(turn.mails for turn in self.bursts)

    def cpu_ms(self) -> list[Figures]:
        return [turn.cpu_ms for turn in self.bursts]

    def speeds(self) -> list[Figures]:
        return [{"all": turn.mails_per_s} for turn in self.bursts]

    def statements(self) -> list[Figures]:
        """Empty figures where PostgreSQL does not count them."""
        return [{} if turn.statements is None else {"all": turn.statements} for turn in self.bursts]

    def requests(self) -> list[Figures]:
        """To the broker, by kind and `all`."""
        return [{"all": sum(turn.requests.values()), **turn.requests} for turn in self.bursts]

    def latency_ms(self) -> Mapping[str, float | None]:
        times = [time for turn in self.latencies for time in turn]
        return {name: round(quantile(times, share), 1) if times else None for name, share in LATENCIES.items()}

    def latency_turns(self) -> list[Figures]:
        return [{name: quantile(turn, share) for name, share in LATENCIES.items()} for turn in self.latencies]

    def steps_ms(self, process: str) -> dict[str, float]:
        """Where the process's CPU goes, a mail; `rest` is the Kafka clients' threads, mostly."""
        return self._with_rest(process, mean([turn.step_ms[process] for turn in self.bursts]))

    def threads_ms(self, process: str) -> dict[str, float]:
        """Which of the process's threads use it; `rest` is its children, mostly. Nothing where it does not tell."""
        threads = mean([turn.thread_ms[process] for turn in self.bursts])
        return self._with_rest(process, threads) if threads else {}

    def _with_rest(self, process: str, parts: Figures) -> dict[str, float]:
        return {**parts, "rest": round(mean(self.cpu_ms())[process] - sum(parts.values()), 3)}


@dataclass(frozen=True)
class Comparison:
    """What this build costs as a share of another one, side by side in one run. Below 1: this one is cheaper."""

    revision: str
    outcome: Outcome
    ratio: Mapping[str, Mapping[str, Ratio]]  # figure's name as in the report -> its parts

    @classmethod
    def of(cls, revision: str, this: Measured, that: Measured, outcome: Outcome) -> "Comparison":
        ratio = {
            "cpu_ms_per_mail": ratios(this.cpu_ms(), that.cpu_ms()),
            "mails_per_s": ratios(this.speeds(), that.speeds()),
            "statements_per_mail": ratios(this.statements(), that.statements()),
            "broker_requests_per_mail": ratios(this.requests(), that.requests()),
            "latency_ms": ratios(this.latency_turns(), that.latency_turns()),
            "idle_cpu_percent": ratios(this.idle, that.idle),
            "cpu_s_until_ready": ratios(this.starts, that.starts),
            "peak_rss_mb": ratios([this.peak_rss_mb], [that.peak_rss_mb]),
        }
        return cls(revision, outcome, ratio)

    def as_dict(self) -> dict[str, object]:
        """Each figure twice: the medians alone, and how far the pairs of turns lie apart."""
        return {
            "revision": self.revision,
            "outcome": self.outcome.as_dict(),
            "ratio": {
                figure: {name: ratio.median for name, ratio in parts.items()} for figure, parts in self.ratio.items()
            },
            "spread": {
                figure: {name: [ratio.low, ratio.high] for name, ratio in parts.items()}
                for figure, parts in self.ratio.items()
            },
        }


@dataclass(frozen=True)
class Result:
    """CPU in milliseconds a mail, memory in MB. `total` leaves out what makes the load; `processes` are the pipeline's.

    `idle_cpu_percent`: of one core, while no mail comes; `total` of the pipeline alone. `cpu_s_until_ready`: seconds of
    CPU from a process's start until it says that it is ready.
    """

    measured: Measured
    outcome: Outcome
    idle: Idle | None = None  # where it was asked for
    compare: Comparison | None = None

    @property
    def ok(self) -> bool:
        outcomes = [self.outcome, *([self.compare.outcome] if self.compare else [])]
        return all(outcome.ok for outcome in outcomes) and (self.idle is None or self.idle.all_idle)

    @property
    def steps(self) -> Mapping[str, Mapping[str, float]]:
        """Of each process that reports them."""
        return {process: self.measured.steps_ms(process) for process in STEPS}

    def as_dict(self) -> dict[str, object]:
        measured = self.measured
        return {
            "mails": measured.mails,
            "mails_per_s": mean(measured.speeds())["all"],
            "cpu_ms_per_mail": mean(measured.cpu_ms()),
            **{f"{process}_ms_per_mail": steps for process, steps in self.steps.items()},
            "thread_ms_per_mail": {process: measured.threads_ms(process) for process in PROCESSES},
            "statements_per_mail": mean(measured.statements()).get("all"),
            "broker_requests_per_mail": mean(measured.requests()),
            "latency_ms": measured.latency_ms(),
            "idle_cpu_percent": mean(measured.idle),
            "cpu_s_until_ready": mean(measured.starts),
            "peak_rss_mb": measured.peak_rss_mb,
            "outcome": self.outcome.as_dict(),
            "idle": self.idle.as_dict() if self.idle else None,
            "compare": self.compare.as_dict() if self.compare else None,
        }
