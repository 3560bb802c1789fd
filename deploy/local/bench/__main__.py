"""What a mail costs: `python -m deploy.local.bench` prints a table and writes `build/bench.json` (docs/benchmark.md).

Everything runs here: a broker, PostgreSQL, a mail host, an SMTP sink and the pipeline, each in processes of its own.
"""

import argparse
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.local import NotAvailableError
from deploy.local.bench.idle import Idle, cpu_percent, measure_idle
from deploy.local.bench.latency import at_pace, latencies_ms
from deploy.local.bench.mails import BenchMail, make_mails
from deploy.local.bench.measure import MemoryWatch, counted, cpu_seconds, quantile
from deploy.local.bench.outcome import Counts, Outcome, counts, expected_counts
from deploy.local.bench.servers import (
    MAILBOXES,
    MEASURED,
    PASSWORD,
    PASSWORD_VARIABLE,
    WARM_UP,
    BenchServers,
    acknowledgement_id,
    bench_settings,
    start_servers,
)
from deploy.local.pipeline import Pipeline, token_key_file_in
from deploy.local.supervisor import interrupt_on_signals
from desk.engine import open_desk, read_transaction
from desk.migrate import upgrade
from runtime.blobs import BlobStore
from runtime.token_keys import read_token_keys

BUILD = Path("build")
APART = "mail_host"  # makes the load, and is no part of the pipeline
# Process -> its steps, as its metric of CPU seconds has them.
STEPS: Mapping[str, Sequence[str]] = {
    "ingest": ("fetch", "publish", "settle"),
    "outbound": ("render", "send", "record"),
}
ALL_STEPS = tuple(step for steps in STEPS.values() for step in steps)
LOOK_SECONDS = 0.05
SETTLE_SECONDS = 5.0  # after the last answer: offsets are committed, nothing is on its way any more
QUIET_SECONDS = 60.0  # without one more answer for so long, the rest is given up


@dataclass(frozen=True)
class Options:
    """How many mails, and how fast those come whose latency is measured."""

    mails: int
    warm_up: int
    latency_mails: int
    per_second: float
    idle_cpu_seconds: float
    idle_mailboxes: int
    idle_seconds: float
    seed: int


@dataclass(frozen=True)
class Result:
    """What `build/bench.json` holds. CPU in milliseconds a mail, memory in MB; `total` leaves the mail host out.

    `idle_cpu_percent`: of one core, by process of the pipeline and in `total`, while no mail comes.
    `ingest_ms_per_mail`, `outbound_ms_per_mail`: where their part of it goes; `rest` is the Kafka clients' threads,
    mostly.
    """

    mails: int
    mails_per_s: float
    cpu_ms_per_mail: Mapping[str, float]
    ingest_ms_per_mail: Mapping[str, float]
    outbound_ms_per_mail: Mapping[str, float]
    latency_ms: Mapping[str, float | None]
    idle_cpu_percent: Mapping[str, float]
    peak_rss_mb: Mapping[str, float]
    outcome: Outcome
    idle: Idle | None = None  # where it was asked for

    @property
    def ok(self) -> bool:
        return self.outcome.ok and (self.idle is None or self.idle.all_idle)

    @property
    def steps(self) -> Mapping[str, Mapping[str, float]]:
        """Of each process that tells them."""
        return {"ingest": self.ingest_ms_per_mail, "outbound": self.outbound_ms_per_mail}

    def as_dict(self) -> dict[str, object]:
        idle = self.idle.as_dict() if self.idle else None
        return {**vars(self), "outcome": self.outcome.as_dict(), "idle": idle}


class Bench:
    """One run: everything started, then warmed up, then measured."""

    def __init__(self, options: Options, directory: Path, stack: ExitStack, console: Console) -> None:
        self._options = options
        self._directory = directory
        self._console = console
        self._say("starting broker, PostgreSQL, mail host and sink")
        self._servers = start_servers(directory, stack)
        self._token_keys = read_token_keys(token_key_file_in(directory))
        self._say("filling the mailboxes")
        self._warm_up = self._fill(WARM_UP, options.warm_up, seed=options.seed + 1)
        everything = self._make(MEASURED, options.mails + options.latency_mails, options.seed)
        self._first, self._later = everything[: options.mails], everything[options.mails :]
        self._servers.mail_host.deliver(MAILBOXES[MEASURED], self._first)
        self._say("starting the pipeline")
        self._pipeline = stack.enter_context(_pipeline(directory, self._servers))
        self._start_pipeline()
        self._pids = {**self._pipeline.pids(), **self._servers.pids}

    def run(self) -> Result:
        with MemoryWatch(self._pids, apart=(APART,)) as memory:
            self._say(f"warming up with {len(self._warm_up)} mails")
            self._read(WARM_UP)
            self._wait_for_answers(len(self._warm_up))
            self._say(f"measuring {len(self._first)} mails")
            before, began = self._cpu(), time.monotonic()
            self._read(WARM_UP, MEASURED)
            self._wait_for_answers(len(self._warm_up) + len(self._first))
            seconds, after = time.monotonic() - began, self._cpu()
            cost = _per_mail(before, after, len(self._first))
            latency = self._measure_latency()
        idle_cpu_percent = self._measure_idle_cpu()
        self._say("checking what became of the mails")
        sent = [*self._first, *self._later]
        return Result(
            mails=len(self._first),
            mails_per_s=round(len(self._first) / seconds, 1),
            cpu_ms_per_mail={name: cost[name] for name in cost if name not in ALL_STEPS},
            ingest_ms_per_mail=_steps(cost, "ingest"),
            outbound_ms_per_mail=_steps(cost, "outbound"),
            latency_ms=latency,
            idle_cpu_percent=idle_cpu_percent,
            peak_rss_mb=memory.peak_mb(),
            outcome=Outcome(expected_counts(sent), self._counts(sent)),
            idle=self._measure_idle(),
        )

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False)

    def _make(self, server_id: str, count: int, seed: int) -> list[BenchMail]:
        answer = partial(acknowledgement_id, server_id, self._token_keys, datetime.now(UTC))
        return list(make_mails(count, seed=seed, recipient=MAILBOXES[server_id], acknowledgement_id=answer))

    def _fill(self, server_id: str, count: int, seed: int) -> list[BenchMail]:
        mails = self._make(server_id, count, seed)
        self._servers.mail_host.deliver(MAILBOXES[server_id], mails)
        return mails

    def _start_pipeline(self) -> None:
        """Ready with no mailbox read, so that nothing of the start is in what is measured."""
        upgrade(open_desk(self._pipeline.config.desk_url))
        self._pipeline.create_topics()
        settings = bench_settings(self._servers, enabled=())
        self._pipeline.apply(settings, "benchmark")
        self._pipeline.wait_ready()
        self._pipeline.wait_for_persons(settings)

    def _read(self, *server_ids: str) -> None:
        self._pipeline.apply(bench_settings(self._servers, enabled=server_ids), "benchmark")

    def _wait_for_answers(self, count: int) -> None:
        """Until the sink has that many mails. Raises `NotAvailableError` when no more come."""
        came, since = 0, time.monotonic()
        while came < count:
            time.sleep(LOOK_SECONDS)
            now_there = self._servers.sink.count()
            if now_there > came:
                came, since = now_there, time.monotonic()
            elif time.monotonic() - since > QUIET_SECONDS:
                raise NotAvailableError(
                    f"{came} of {count} answers came, then none for {QUIET_SECONDS:.0f} s: see the logs in "
                    f"{self._pipeline.directory / 'logs'}"
                )

    def _cpu(self) -> dict[str, float]:
        """CPU seconds so far of each process, and of each step of those that tell them."""
        seconds = {name: cpu_seconds(pid) for name, pid in self._pids.items()}
        for process, steps in STEPS.items():
            told = counted(self._pipeline.metrics_url(process), f"mailcall_{process}_cpu_seconds", "step")
            seconds |= {step: told.get(step, 0.0) for step in steps}
        return seconds

    def _measure_latency(self) -> dict[str, float | None]:
        if not self._later:
            return {"p50": None, "p99": None}
        options, host = self._options, self._servers.mail_host
        self._say(f"measuring the latency of {len(self._later)} mails at {options.per_second:g} a second")
        host.deliver(MAILBOXES[MEASURED], at_pace(self._later, options.per_second))
        self._wait_for_answers(len(self._warm_up) + len(self._first) + len(self._later))
        told, dsn = host.told(MAILBOXES[MEASURED]), self._servers.database.dsn("bench")
        times = latencies_ms(self._later, MEASURED, told, len(self._first) + 1, dsn)
        return {"p50": round(quantile(times, 0.5), 1), "p99": round(quantile(times, 0.99), 1)}

    def _measure_idle_cpu(self) -> dict[str, float]:
        seconds = self._options.idle_cpu_seconds
        self._say(f"measuring {seconds:g} s without a mail")
        time.sleep(SETTLE_SECONDS)
        return cpu_percent(self._pipeline.pids(), seconds)

    def _measure_idle(self) -> Idle | None:
        """With the pipeline at its end, so that nothing else uses the broker."""
        count = self._options.idle_mailboxes
        if not count:
            return None
        self._pipeline.supervisor.stop()
        self._say(f"measuring ingest with {count} idle mailboxes")
        return measure_idle(count, self._servers.broker, self._directory / "idle", self._options.idle_seconds)

    def _counts(self, sent: Sequence[BenchMail]) -> Counts:
        blobs, answers = BlobStore(self._pipeline.config.blob_url), self._servers.sink.answers()
        with read_transaction(open_desk(self._pipeline.config.desk_url)) as connection:
            return counts(connection, blobs, answers, MEASURED, sent)


def _pipeline(directory: Path, servers: BenchServers) -> Pipeline:
    return Pipeline(
        directory,
        bootstrap_servers=servers.broker.bootstrap_servers,
        topic_prefix="bench",
        desk_url=servers.database.url("bench"),
        environment={PASSWORD_VARIABLE: PASSWORD},
    )


def _per_mail(before: Mapping[str, float], after: Mapping[str, float], mails: int) -> dict[str, float]:
    spent = {name: (after[name] - before[name]) * 1000 / mails for name in before}
    spent["total"] = sum(cost for name, cost in spent.items() if name not in (APART, *ALL_STEPS))
    return {name: round(cost, 3) for name, cost in spent.items()}


def _steps(cost: Mapping[str, float], process: str) -> dict[str, float]:
    steps = {step: cost[step] for step in STEPS[process]}
    return {**steps, "rest": round(cost[process] - sum(steps.values()), 3)}


def show(result: Result, console: Console) -> None:
    table = Table("", "CPU ms a mail", "peak memory MB", box=None, header_style="bold")
    for name, cost in result.cpu_ms_per_mail.items():
        table.add_row(name.replace("_", " "), f"{cost:.2f}", f"{result.peak_rss_mb.get(name, 0):.0f}")
        for step, part in result.steps.get(name, {}).items():
            table.add_row(f"  {step}", f"{part:.2f}", "", style="dim")
    console.print(table)
    p50, p99 = result.latency_ms["p50"], result.latency_ms["p99"]
    console.print(f"{result.mails} mails, {result.mails_per_s} a second; latency p50 {p50} ms, p99 {p99} ms")
    idle_cpu = dict(result.idle_cpu_percent)
    total = idle_cpu.pop("total")
    console.print(f"without a mail: CPU {total} % of a core ({', '.join(f'{n} {cpu}' for n, cpu in idle_cpu.items())})")
    console.print(f"outcome {'as expected' if result.outcome.ok else result.outcome.as_dict()}")

    if idle := result.idle:
        console.print(
            f"{idle.mailboxes} idle mailboxes: {idle.rss_mb} MB ({idle.rss_mb_empty} MB without any), "
            f"CPU {idle.cpu_percent} % ({idle.cpu_percent_empty} % without any), "
            f"all idle after {idle.seconds_to_all_idle} s"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Exit 0 when every mail became what it should and every idle mailbox was watched, else 1."""
    parser = argparse.ArgumentParser("python -m deploy.local.bench", description="What a mail costs, end to end.")
    parser.add_argument("--mails", type=int, default=2000, help="mails that throughput and CPU are measured on")
    parser.add_argument("--warm-up", type=int, default=300, help="mails before that, which are not measured")
    parser.add_argument("--latency-mails", type=int, default=200, help="mails whose latency is measured; 0: none")
    parser.add_argument("--per-second", type=float, default=5.0, help="how fast those come")
    parser.add_argument("--idle-cpu-seconds", type=float, default=30.0, help="how long the idle processes are watched")
    parser.add_argument("--idle-mailboxes", type=int, default=0, help="mailboxes whose idle cost is measured; 0: none")
    parser.add_argument("--idle-seconds", type=float, default=90.0, help="how long those are watched")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same mails")
    options = Options(**vars(parser.parse_args(argv)))
    console, directory = Console(), BUILD / "bench"
    shutil.rmtree(directory, ignore_errors=True)
    interrupt_on_signals()
    try:
        with ExitStack() as stack:
            result = Bench(options, directory, stack, console).run()
    except NotAvailableError as error:
        console.print(str(error), markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        return 130
    show(result, console)
    (BUILD / "bench.json").write_text(json.dumps(result.as_dict(), indent=2) + "\n")
    return 0 if result.ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
