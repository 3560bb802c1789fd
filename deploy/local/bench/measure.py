"""What processes cost: CPU time and memory of process trees, what a process says of itself, and quantiles of times."""

import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import psycopg
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.bench.mails import BenchMail

SAMPLE_SECONDS = 0.5
MEGABYTE = 1_000_000


def tree(pid: int) -> list[psutil.Process]:
    """The process and all that live below it, itself first; empty where it is gone."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


@contextmanager
def standing_still(pids: Collection[int]) -> Iterator[None]:
    """These processes and all below them get no CPU until the end of the block. One that ends meanwhile is left out."""
    processes = [process for pid in pids for process in tree(pid)]
    try:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def cpu_seconds(pid: int) -> float:
    """CPU time so far of a process and all below it, those included that have ended and been waited for."""
    total = 0.0
    for process in tree(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue  # its parent has its times now
        total += times.user + times.system + times.children_user + times.children_system
    return total


def compiler_seconds(pid: int) -> float:
    """CPU time so far that a Java virtual machine's threads `C1 CompilerThread0` and so on spent on compiling."""
    process, total = psutil.Process(pid), 0.0
    for thread in process.threads():
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            if "Compiler" in Path(f"/proc/{pid}/task/{thread.id}/comm").read_text():
                total += thread.user_time + thread.system_time
    return total


def counted(metrics_url: str, name: str, label: str) -> dict[str, float]:
    """A process's counter by one label, summed over its others, as `/metrics` has it now; `name` without `_total`."""
    with urllib.request.urlopen(metrics_url, timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    samples = [sample for family in families if family.name == name for sample in family.samples]
    totals: defaultdict[str, float] = defaultdict(float)
    for sample in samples:
        if sample.name == f"{name}_total":
            totals[sample.labels[label]] += sample.value
    return dict(totals)


def resident_bytes(pid: int) -> int:
    """Memory of a process and all below it. What the children share, such as PostgreSQL's buffers, counts once."""
    total = 0
    for position, process in enumerate(tree(pid)):
        try:
            memory = process.memory_info()
        except psutil.NoSuchProcess:
            continue
        total += memory.rss - (getattr(memory, "shared", 0) if position else 0)
    return total


class MemoryWatch:
    """Peak memory by process, in MB, from the beginning to the end of its block; and the peak of each of the `sums`."""

    def __init__(self, pids: Mapping[str, int], sums: Mapping[str, Collection[str]]) -> None:
        self._pids = pids
        self._sums = sums
        self._peak = dict.fromkeys((*pids, *sums), 0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory-watch", daemon=True)

    def peak_mb(self) -> dict[str, float]:
        return {name: round(size / MEGABYTE, 1) for name, size in self._peak.items()}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            sizes = {name: resident_bytes(pid) for name, pid in self._pids.items()}
            sizes |= {total: sum(sizes[name] for name in names) for total, names in self._sums.items()}
            for name, size in sizes.items():
                self._peak[name] = max(self._peak[name], size)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all is not above (nearest rank). `values` must hold one."""
    ranked = sorted(values)
    return ranked[max(0, -(-int(share * 1000) * len(ranked) // 1000) - 1)]


def at_pace(mails: Iterable[BenchMail], per_second: float) -> Iterator[BenchMail]:
    """The mails, each not before its time."""
    began = time.monotonic()
    for number, mail in enumerate(mails):
        time.sleep(max(0.0, began + number / per_second - time.monotonic()))
        yield mail


def latencies_ms(mail_ids: Sequence[str], announced: Sequence[float], dsn: str) -> list[float]:
    """Milliseconds from the IDLE line to the commit of each mail. `announced`: see `BenchMailHost.announced`.

    All have been committed.
    """
    committed = _commit_times(dsn)
    return [(committed[mail_id] - at) * 1000 for mail_id, at in zip(mail_ids, announced, strict=True)]


def _commit_times(dsn: str) -> Mapping[str, float]:
    """Mail id -> seconds since 1970. The ledger's rows are never changed, so `xmin` is the logger's transaction."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT mail_id, extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM mails")
        return {mail_id: float(seconds) for mail_id, seconds in rows}
