"""One run of the benchmark: everything started, then warmed up, then measured."""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.console import Console

from deploy.local import NotAvailableError
from deploy.local.bench.idle import Idle, cpu_percent, measure_idle
from deploy.local.bench.mails import BenchMail, make_mails
from deploy.local.bench.measure import MemoryWatch, at_pace, counted, cpu_seconds, latencies_ms, quantile
from deploy.local.bench.outcome import Counts, Outcome, Result, counts, expected_counts
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
from desk.engine import open_desk, read_transaction
from desk.migrate import upgrade
from runtime.blobs import BlobStore
from runtime.security.token_keys import read_token_keys

APART = "mail_host"  # makes the load, and is no part of the pipeline
# Process -> its steps, as its metric of CPU seconds has them.
STEPS: Mapping[str, Sequence[str]] = {
    "ingest": ("fetch", "publish", "settle"),
    "outbound": ("render", "send", "record"),
}
ALL_STEPS = tuple(step for steps in STEPS.values() for step in steps)
LOOK_SECONDS = 0.05
SETTLE_SECONDS = 5.0  # after the last answer: offsets are committed, nothing is on its way any more
QUIET_SECONDS = 60.0  # without one more acknowledgement for this long, it stops waiting


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
        self._say("checking the outcome of each mail")
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
            reported = counted(self._pipeline.metrics_url(process), f"mailcall_{process}_cpu_seconds", "step")
            seconds |= {step: reported.get(step, 0.0) for step in steps}
        return seconds

    def _measure_latency(self) -> dict[str, float | None]:
        if not self._later:
            return {"p50": None, "p99": None}
        options, host = self._options, self._servers.mail_host
        self._say(f"measuring the latency of {len(self._later)} mails at {options.per_second:g} a second")
        host.deliver(MAILBOXES[MEASURED], at_pace(self._later, options.per_second))
        self._wait_for_answers(len(self._warm_up) + len(self._first) + len(self._later))
        announced, dsn = host.announced(MAILBOXES[MEASURED]), self._servers.database.dsn("bench")
        times = latencies_ms(self._later, MEASURED, announced, len(self._first) + 1, dsn)
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
