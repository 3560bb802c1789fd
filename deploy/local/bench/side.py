"""One build, measured: topics, servers, mailbox and pipeline of its own, which can be made to stand still meanwhile."""

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local import NotAvailableError
from deploy.local.bench.broker_requests import CountingBroker
from deploy.local.bench.checkout import Build
from deploy.local.bench.costs import APART, by_stage, ms_per_mail, with_sums
from deploy.local.bench.idle import cpu_percent
from deploy.local.bench.mail_load import MailLoad
from deploy.local.bench.measure import MemoryWatch, at_pace, counted, cpu_seconds, latencies_ms, standing_still
from deploy.local.bench.outcome import Outcome, counts, expected_counts
from deploy.local.bench.scale import Scale, fill
from deploy.local.bench.servers import (
    DATABASE,
    PASSWORD,
    PASSWORD_VARIABLE,
    BenchServers,
    bench_settings,
    start_servers,
)
from deploy.local.bench.sql_statements import statements_done
from deploy.local.pipeline import PROCESSES, Pipeline, token_key_file_in
from deploy.local.ports import wait_until
from desk.engine import open_desk, read_transaction
from ingest.watcher_group import GROUP as INGEST_GROUP
from runtime.blobs import BlobStore
from runtime.kafka.clients import make_admin
from runtime.security.token_keys import read_token_keys

STEPS: Final = ("ingest", "outbound")  # processes that tell the CPU of each of their steps
Details = Mapping[str, Mapping[str, float]]  # process -> its parts
MAKE_DESK = (  # in a process of the build: its own tables
    "import sys; from desk.engine import open_desk; from desk.migrate import upgrade; upgrade(open_desk(sys.argv[1]))"
)
LOOK_SECONDS = 0.02
SETTLE_SECONDS = 0.5  # after the last answer: offsets are committed, nothing is on its way any more
QUIET_SECONDS = 60.0  # without one more acknowledgement for this long, it stops waiting
READY_SECONDS = 180.0
WATCHING_SECONDS = 60.0
SESSION_SECONDS = 120.0  # a group's member may stand still for as long as the other build is measured


@dataclass(frozen=True, slots=True)
class Turn:
    """What one burst of mails cost, a mail: CPU in milliseconds by process, of all `processes` and in `total`;
    by process and step; by process and thread; SQL statements, where they are counted; and requests to the broker."""

    mails: int
    mails_per_s: float
    cpu_ms: Mapping[str, float]
    step_ms: Details
    thread_ms: Details
    statements: float | None
    requests: Mapping[str, float]


class Side:
    """From the beginning to the end of the stack."""

    def __init__(
        self,
        name: str,
        build: Build,
        broker: CountingBroker,
        directory: Path,
        stack: ExitStack,
        seed: int,
        scale: Scale,
    ) -> None:
        self.name = name
        self._build, self._directory, self._stack, self._scale = build, directory, stack, scale
        self._servers = start_servers(broker, stack, scale.mailboxes)
        self._settings = bench_settings(self._servers, scale.mailboxes)
        token_keys = read_token_keys(token_key_file_in(directory))
        self._load = MailLoad(self._servers.mail_host, scale.mailboxes, token_keys, seed)
        more = [f"{stage}-{number}" for number in range(2, scale.instances + 1) for stage in PROCESSES[1:]]
        self._pipeline = self._new_pipeline((*PROCESSES, *more))

    def prepare(self) -> None:
        """Topics, tables and settings are there; nothing runs yet."""
        url = self._pipeline.config.desk_url
        subprocess.run([self._build.python, "-c", MAKE_DESK, url], env=self._pipeline.environment, check=True)
        self._pipeline.create_topics()
        self._pipeline.apply(self._settings, "benchmark")
        fill(self._servers.database.dsn(DATABASE), self._scale)

    def start_and_stop(self) -> dict[str, float]:
        """CPU seconds of each process until it says that it is ready, and in `total`."""
        with self._new_pipeline(PROCESSES) as pipeline:
            return _until_ready(pipeline)

    def start(self) -> dict[str, float]:
        """As `start_and_stop`, but it goes on to the end of the stack."""
        self._stack.enter_context(self._pipeline)
        spent = _until_ready(self._pipeline)
        self._pipeline.wait_for_persons(self._settings)
        return spent

    @property
    def pids(self) -> dict[str, int]:
        return {**self._pipeline.pids(), **self._servers.pids}

    def memory_watch(self) -> MemoryWatch:
        """With the peak of the sum of the pipeline's processes, and of all but those that make the load."""
        processes = list(self._pipeline.pids())
        everything = [name for name in self.pids if name not in APART]
        return MemoryWatch(self.pids, sums={"processes": processes, "total": everything})

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """None of its processes gets any CPU, its own servers' neither."""
        with standing_still({**self._pipeline.pids(), **self._servers.own_pids}.values()):
            yield

    def burst(self, count: int) -> Turn:
        """That many mails lie in the mailbox at once; until the last acknowledgement is in the sink."""
        self._wait_until_watching()
        mails, statements, steps, threads = self._load.take(count), self._statements(), self._steps(), self._threads()
        requests = self._servers.broker.requests_done()
        before = self._cpu()
        with standing_still(self._pipeline.pids().values()):
            self._load.deliver(mails)
            began = time.monotonic()
        self._wait_for_answers()
        seconds, after = time.monotonic() - began, self._cpu()
        steps_after, threads_after = self._steps(), self._threads()
        time.sleep(SETTLE_SECONDS)
        done, requests_after = self._statements(), self._servers.broker.requests_done()
        return Turn(
            mails=count,
            mails_per_s=count / seconds,
            cpu_ms=with_sums(ms_per_mail(before, after, count)),
            step_ms={name: ms_per_mail(parts, steps_after[name], count) for name, parts in steps.items()},
            thread_ms={name: ms_per_mail(parts, threads_after[name], count) for name, parts in threads.items()},
            statements=None if statements is None or done is None else (done - statements) / count,
            requests={name: (number - requests.get(name, 0)) / count for name, number in requests_after.items()},
        )

    def paced(self, count: int, per_second: float) -> list[float]:
        """Milliseconds from the IDLE line to the commit of each of that many mails, which come one by one."""
        self._wait_until_watching()
        mails = self._load.take(count)
        self._load.deliver(at_pace(mails, per_second))
        self._wait_for_answers()
        mail_ids = [self._load.mail_id(mail) for mail in mails]
        return latencies_ms(mail_ids, list(self._load.announced(mails)), self._servers.database.dsn(DATABASE))

    def idle_cpu(self, seconds: float) -> dict[str, float]:
        """Per cent of one core, of each process of the pipeline and in `total`; those of the servers beside it."""
        self._wait_until_watching()
        time.sleep(SETTLE_SECONDS)
        servers = {name: pid for name, pid in self._servers.pids.items() if name not in APART}
        spent = cpu_percent({**self._pipeline.pids(), **servers}, seconds)
        stages = by_stage({name: cpu for name, cpu in spent.items() if name != "total"})
        return {**stages, "total": round(sum(stages[name] for name in PROCESSES), 2)}

    def stop(self) -> None:
        """The pipeline ends; the servers stay."""
        self._pipeline.supervisor.stop()

    @property
    def servers(self) -> BenchServers:
        return self._servers

    def outcome(self) -> Outcome:
        """Of all mails there were."""
        blobs, answers = BlobStore(self._pipeline.config.blob_url), self._servers.sink.answers()
        with read_transaction(open_desk(self._pipeline.config.desk_url)) as connection:
            found = counts(connection, blobs, answers, self._load.server_of, self._load.sent)
        return Outcome(expected_counts(self._load.sent), found)

    def _new_pipeline(self, processes: Sequence[str]) -> Pipeline:
        return Pipeline(
            self._directory,
            bootstrap_servers=self._servers.broker.bootstrap_servers,
            topic_prefix=self._directory.name,
            desk_url=self._servers.database.url(DATABASE),
            environment={
                PASSWORD_VARIABLE: PASSWORD,
                "MAILCALL_SESSION_SECONDS": str(SESSION_SECONDS),
                "PYTHONPATH": str(self._build.source),
                "PYTHONSAFEPATH": "1",  # else `python -m ingest` would take the ingest of the working directory
                "PYTHONDONTWRITEBYTECODE": "",
            },
            processes=processes,
            python=self._build.python,
        )

    def _wait_until_watching(self) -> None:
        """Until ingest waits in IDLE in each mailbox.

        Where it stood still for longer than its session in the group, it joins again and opens its connections anew:
        that is no part of what a mail costs.
        """
        group = f"{self._pipeline.config.topic_prefix}.{INGEST_GROUP}"
        with make_admin(self._pipeline.config) as admin:

            def watching() -> bool:
                member_again = admin.describe_groups([group])[group]["group_state"] == "Stable"
                return member_again and self._servers.mail_host.idle() == self._scale.mailboxes

            if not wait_until(watching, WATCHING_SECONDS):
                raise NotAvailableError(
                    f"ingest does not wait in IDLE in {self._scale.mailboxes} mailboxes after {WATCHING_SECONDS:.0f} "
                    f"s: see the logs in {self._pipeline.directory / 'logs'}"
                )

    def _wait_for_answers(self) -> None:
        """Until the sink has one to each mail. Raises `NotAvailableError` when no more come."""
        came, wanted, since = 0, len(self._load.sent), time.monotonic()
        while came < wanted:
            time.sleep(LOOK_SECONDS)
            now_there = self._servers.sink.count()
            if now_there > came:
                came, since = now_there, time.monotonic()
            elif time.monotonic() - since > QUIET_SECONDS:
                raise NotAvailableError(
                    f"{came} of {wanted} answers came, then none for {QUIET_SECONDS:.0f} s: see the logs in "
                    f"{self._pipeline.directory / 'logs'}"
                )

    def _cpu(self) -> dict[str, float]:
        """CPU seconds so far of each process but the sink."""
        return by_stage({name: cpu_seconds(pid) for name, pid in self.pids.items() if name != "sink"})

    def _steps(self) -> Details:
        return {
            name: counted(self._pipeline.metrics_url(name), f"mailcall_{name}_cpu_seconds", "step") for name in STEPS
        }

    def _threads(self) -> Details:
        """Of the first instance of each process; nothing of a build that does not tell them."""
        urls = {name: self._pipeline.metrics_url(name) for name in PROCESSES}
        return {name: counted(url, "mailcall_thread_cpu_seconds", "thread") for name, url in urls.items()}

    def _statements(self) -> int | None:
        return statements_done(self._servers.database.dsn(), DATABASE)


def _until_ready(pipeline: Pipeline) -> dict[str, float]:
    spent: dict[str, float] = {}

    def all_ready() -> bool:
        for name, pid in pipeline.pids().items():
            if name not in spent and pipeline.supervisor.ready(name):
                spent[name] = cpu_seconds(pid)
        return len(spent) == len(pipeline.processes)

    if not wait_until(all_ready, READY_SECONDS):
        pipeline.wait_ready(0)  # raises, and says which is not
    stages = by_stage(spent)
    return {**stages, "total": sum(stages.values())}
