"""What processes cost while nothing happens; and mailboxes: one ingest, each mailbox over TLS and in IDLE."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from console.settings.settings_file import SettingsFile
from deploy.local import NotAvailableError
from deploy.local.bench.mail_host import BenchMailHost
from deploy.local.bench.measure import MEGABYTE, cpu_seconds, resident_bytes
from deploy.local.bench.servers import PASSWORD, PASSWORD_VARIABLE, desk_settings
from deploy.local.pipeline import Pipeline
from deploy.local.ports import wait_until
from deploy.local.servers.broker import KafkaProcess
from deploy.local.servers.certificates import Certificates, make_certificates
from schemas.settings import IncomingServer, Secret, Security

START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Idle:
    """`rss_mb` and `cpu_percent` are those of ingest, the one at the end, the other over the time all were idle.

    `cpu_percent_empty` is the same process's without any mailbox. `all_idle`: at the end as well.
    """

    mailboxes: int
    rss_mb: float
    rss_mb_empty: float
    cpu_percent: float
    cpu_percent_empty: float
    seconds_to_all_idle: float
    all_idle: bool

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def measure_idle(count: int, broker: KafkaProcess, directory: Path, watch_seconds: float) -> Idle:
    """Ingest is started without a mailbox, then given `count` of them. Raises `NotAvailableError` if not all idle.

    Choose `watch_seconds` longer than poll_seconds is by default: then every mailbox is looked at meanwhile.
    """
    names = [f"box-{number:04}" for number in range(count)]
    directory.mkdir(parents=True)
    certificates = make_certificates(directory)
    with ExitStack() as stack:
        host = stack.enter_context(BenchMailHost(names, certificates))
        pipeline = stack.enter_context(_only_ingest(directory, broker))
        pipeline.create_topics()
        pipeline.apply(_settings([], host, certificates), "benchmark")
        pipeline.wait_ready()
        ingest = pipeline.pids()["ingest"]
        rss_empty, cpu_empty = resident_bytes(ingest), cpu_percent({"ingest": ingest}, watch_seconds / 3)["ingest"]
        pipeline.apply(_settings(names, host, certificates), "benchmark")
        began = time.monotonic()
        if not wait_until(lambda: host.idle() == count, START_SECONDS):
            raise NotAvailableError(
                f"{host.idle()} of {count} mailboxes came to IDLE within {START_SECONDS:.0f} s: see the log in "
                f"{directory / 'logs'}"
            )
        seconds = time.monotonic() - began
        cpu = cpu_percent({"ingest": ingest}, watch_seconds)["ingest"]
        return Idle(
            mailboxes=count,
            rss_mb=round(resident_bytes(ingest) / MEGABYTE, 1),
            rss_mb_empty=round(rss_empty / MEGABYTE, 1),
            cpu_percent=cpu,
            cpu_percent_empty=cpu_empty,
            seconds_to_all_idle=round(seconds, 1),
            all_idle=wait_until(lambda: host.idle() == count, 5.0) and psutil.pid_exists(ingest),
        )


def cpu_percent(pids: Mapping[str, int], seconds: float) -> dict[str, float]:
    """Of one core, over that time: of each process, and in `total`."""
    before, began = {name: cpu_seconds(pid) for name, pid in pids.items()}, time.monotonic()
    time.sleep(seconds)
    spent = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    share = 100 / (time.monotonic() - began)
    return {name: round(cpu * share, 2) for name, cpu in {**spent, "total": sum(spent.values())}.items()}


def _only_ingest(directory: Path, broker: KafkaProcess) -> Pipeline:
    return Pipeline(
        directory,
        bootstrap_servers=broker.bootstrap_servers,
        topic_prefix="idle",
        desk_url="sqlite://",
        environment={PASSWORD_VARIABLE: PASSWORD},
        processes=("ingest",),
    )


def _settings(names: list[str], host: BenchMailHost, certificates: Certificates) -> SettingsFile:
    return desk_settings(
        [
            IncomingServer(
                id=name,
                protocol="imap",
                host=host.host,
                port=host.imap_port,
                security=Security.TLS,
                ca_file=str(certificates.authority.resolve()),
                username=name,
                password=Secret(env=PASSWORD_VARIABLE),
                call_template="mail",
                default_logging_analyst="analyst",
            )
            for name in names
        ],
    )
