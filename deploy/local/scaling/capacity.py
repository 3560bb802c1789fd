"""The plan for a number of mails per day: `python -m deploy.local.scaling.capacity` prints it and a simulated day.

Computed from what the benchmark measured (docs/benchmark.md), by the formulas of docs/operations.md. The curve of a
working day and the time that a mail server takes are assumptions, named here.
"""

import argparse
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from schemas.topics import DAY_MS, MAIL_FETCHED, MAIL_PARTITIONS

# Measured: make bench, two cores, nothing else running, 8,000 mails of 50 kB, 2026-12-01.
MAILS_PER_SECOND = 771.6
CPU_MS: Mapping[str, float] = {
    "ingest": 0.259,
    "resolver": 0.544,
    "logger": 0.264,
    "outbound": 0.323,
    "broker": 0.193,
    "database": 0.218,
}
MAIL_KB = 50.0
USE = 0.5  # of a core at the peak; the benchmark reached 0.7: 771.6 mails/s x 1.799 ms on two cores

# Assumed.
HOURS = (1, 1, 1, 1, 1, 2, 4, 7, 10, 11, 10, 8, 6, 7, 8, 7, 5, 3, 2, 1, 1, 1, 1, 1)  # per cent of a working day
BURST, BURST_MINUTES = 2.0, 5  # newsletters, alerts and reminders leave at the full hour: this factor, this long
SMTP_SECONDS = 0.1  # that an outgoing server takes for a mail on a connection
CONNECTIONS = 10  # of one outbound to its outgoing servers, all servers together
COPIES = 3  # of each record at the brokers

# How KEDA scales: replicas = waiting / WAITING_PER_REPLICA, looked at each minute, fewer only after STABLE_MINUTES.
WAITING_PER_REPLICA = 500
STABLE_MINUTES = 5
SCALED = ("resolver", "logger", "outbound")
STAGES = ("ingest", *SCALED)


@dataclass(frozen=True, slots=True)
class Assumed:
    """What depends on the servers that mails are sent by."""

    smtp_seconds: float = SMTP_SECONDS
    connections: int = CONNECTIONS

    def rate(self, stage: str) -> float:
        """Mails per second that one replica handles."""
        by_cpu = USE * 1000 / CPU_MS[stage]
        return min(by_cpu, self.connections / self.smtp_seconds) if stage == "outbound" else by_cpu


@dataclass(frozen=True, slots=True)
class Plan:
    """`peak`: mails a second in the fullest minutes. Replicas at the peak; cores and terabytes of what stands below."""

    mails_a_day: int
    peak: float
    replicas: Mapping[str, int]
    broker_cores: float
    database_cores: float
    broker_terabytes: float


@dataclass(slots=True)
class Hour:
    """What the hour was like: mails that arrived; of each stage the longest wait in seconds, and the most replicas."""

    arrived: float = 0.0
    waits: dict[str, float] = field(default_factory=dict)
    replicas: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Day:
    """`left`: mails that are still on their way at midnight."""

    hours: Sequence[Hour]
    left: float


def plan(mails_a_day: int, assumed: Assumed = Assumed()) -> Plan:
    peak = max(arrivals(mails_a_day)) / 60
    kept_days = (MAIL_FETCHED.retention_ms or 0) / DAY_MS
    return Plan(
        mails_a_day,
        peak,
        {stage: max(1, ceil(peak / assumed.rate(stage))) for stage in STAGES},
        peak * CPU_MS["broker"] / 1000 / USE,
        peak * CPU_MS["database"] / 1000 / USE,
        mails_a_day * MAIL_KB * kept_days * COPIES / 1e9,
    )


def arrivals(mails_a_day: int) -> list[float]:
    """Mails of each minute of a working day."""
    usual = 60 / (60 - BURST_MINUTES + BURST_MINUTES * BURST)  # so that an hour has its share, the burst included
    return [
        mails_a_day * share / sum(HOURS) / 60 * usual * (BURST if minute < BURST_MINUTES else 1)
        for share in HOURS
        for minute in range(60)
    ]


def simulate(mails_a_day: int, assumed: Assumed = Assumed(), most: int = MAIL_PARTITIONS) -> Day:
    """A day minute by minute; mails are a fluid. Ingest has the plan's replicas all day, the others are scaled."""
    fixed = plan(mails_a_day, assumed).replicas["ingest"]
    replicas = {stage: fixed if stage not in SCALED else 1 for stage in STAGES}
    wanted = {stage: deque([1], maxlen=STABLE_MINUTES) for stage in SCALED}
    waiting = dict.fromkeys(STAGES, 0.0)
    hours = [Hour() for _ in HOURS]
    for minute, arrived in enumerate(arrivals(mails_a_day)):
        hour, flow = hours[minute // 60], arrived
        hour.arrived += arrived
        for stage in STAGES:
            per_second = replicas[stage] * assumed.rate(stage)
            waiting[stage] += flow
            flow = min(waiting[stage], per_second * 60)
            waiting[stage] -= flow
            hour.waits[stage] = max(hour.waits.get(stage, 0.0), waiting[stage] / per_second)
            hour.replicas[stage] = max(hour.replicas.get(stage, 0), replicas[stage])
        for stage, recent in wanted.items():
            recent.append(min(most, max(1, ceil(waiting[stage] / WAITING_PER_REPLICA))))
            replicas[stage] = max(recent)
    return Day(hours, sum(waiting.values()))


def plan_rows(many: Sequence[int], assumed: Assumed = Assumed()) -> Iterator[str]:
    """The capacity table as Markdown."""
    columns = ("mails a day", "at the peak, a second", *STAGES, "brokers: cores", "disk (TB)", "database: cores")
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * len(columns)
    for one in (plan(number, assumed) for number in many):
        counts = " | ".join(str(one.replicas[stage]) for stage in STAGES)
        yield (
            f"| {one.mails_a_day:,} | {one.peak:,.1f} | {counts} | {one.broker_cores:.1f} | "
            f"{one.broker_terabytes:.2f} | {one.database_cores:.1f} |"
        )


def day_rows(day: Day) -> Iterator[str]:
    """The simulated day as Markdown: an hour a row."""
    yield f"| hour | mails | {' | '.join(f'{stage}: replicas, longest wait (s)' for stage in STAGES)} |"
    yield "|" + "---|" * (2 + len(STAGES))
    for number, hour in enumerate(day.hours):
        cells = " | ".join(f"{hour.replicas[stage]}, {hour.waits[stage]:.0f}" for stage in STAGES)
        yield f"| {number:02} | {hour.arrived:,.0f} | {cells} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=10_000_000, help="mails a day (10,000,000)")
    parser.add_argument("--smtp-seconds", type=float, default=SMTP_SECONDS, help="an outgoing server's, for a mail")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="of an outbound to its servers")
    options = parser.parse_args()
    assumed = Assumed(options.smtp_seconds, options.connections)
    day = simulate(options.mails, assumed)
    print(*plan_rows([options.mails], assumed), "", *day_rows(day), sep="\n")
    print(f"\nstill on their way at midnight: {day.left:,.0f}")


if __name__ == "__main__":
    main()
