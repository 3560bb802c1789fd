"""A Kafka broker: the one named in KAFKA_BOOTSTRAP_SERVERS, else a real Apache Kafka (KRaft, one node) started here."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from deploy.local import NotAvailableError
from deploy.local.child import Child
from deploy.local.jars import cache_directory, java_command, locked
from deploy.local.ports import HOST, free_ports, is_open
from deploy.local.server import Server

SERVERS_VARIABLE = "KAFKA_BOOTSTRAP_SERVERS"
# The quick compiler alone: ready in 2.3 s instead of 3.5 s, with half the CPU. A long run is faster with both.
QUICK_START = ("-XX:TieredStopAtLevel=1",)
_QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
_CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qk"

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
# Tests that kill a process wait so long before the next one gets its partitions.
group.min.session.timeout.ms=1000
# Records above the limit of the topics' clients must be able to arrive, so that tests can send them.
message.max.bytes=10485760
# Hundreds of tests delete their topics, and the default keeps their files open for another minute: too many in the end.
log.segment.delete.delay.ms=1000
# After a kill the old registration must run out before the broker is let in again.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""


class Broker(Protocol):
    """A broker, whoever started it. As a context manager it is there from the beginning to the end of the block."""

    @property
    def bootstrap_servers(self) -> str: ...
    @property
    def pid(self) -> int | None:
        """Its process, None where it was not started here."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def choose_broker(directory: Path | None = None, environment: Mapping[str, str] = os.environ) -> Broker:
    """The broker that the environment names, else one of our own, its data in `directory` (default: temporary)."""
    servers = environment.get(SERVERS_VARIABLE)
    return NamedBroker(servers) if servers else KafkaProcess(directory)


class NamedBroker:
    """A broker that somebody else runs."""

    pid = None

    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers

    def start(self) -> None:
        """Raises `NotAvailableError` where none of the named servers answers."""
        for server in self.bootstrap_servers.split(","):
            host, _, port = server.strip().rpartition(":")
            if host and port.isdigit() and is_open(host.strip("[]"), int(port)):
                return
        raise NotAvailableError(
            f"{SERVERS_VARIABLE} is {self.bootstrap_servers!r}, and nothing there accepts connections: start it, "
            "correct the variable (host:port, several with commas), or unset it and one is started here"
        )

    def stop(self) -> None:
        """It is not ours to stop."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class KafkaProcess(Server):
    """Apache Kafka as a child process on free ports of 127.0.0.1. `options` go to Java."""

    name = "broker"

    def __init__(self, directory: Path | None = None, options: Sequence[str] = QUICK_START, heap_mb: int = 256) -> None:
        super().__init__(directory)
        self._port, self._controller_port = free_ports(2)
        self._options = (_QUIET, *options, f"-Xmx{heap_mb}m")

    @property
    def bootstrap_servers(self) -> str:
        return f"{HOST}:{self._port}"

    def _ready(self) -> bool:
        return is_open(HOST, self._port)

    def _prepare(self) -> Child:
        data = self.directory / "data"
        properties = self._write_properties(self.directory / "server.properties", data)
        if not data.exists():
            shutil.copytree(self._formatted(), data)
        command = java_command("kafka", "kafka.Kafka", self._options)
        return Child("Kafka", [*command, properties], log=self.log)

    def _write_properties(self, file: Path, data: Path) -> Path:
        ports = {"port": self._port, "controller_port": self._controller_port}
        file.write_text(_PROPERTIES.format(host=HOST, data=data, **ports))
        return file

    def _formatted(self) -> Path:
        """A formatted, empty data directory. Kept and copied: formatting takes a Java start of its own (1.2 s)."""
        command = java_command("kafka", "kafka.tools.StorageTool", self._options)
        formatted = cache_directory() / f"{Path(command[command.index('-cp') + 1].split(os.pathsep)[0]).stem}-formatted"
        with locked(cache_directory()), tempfile.TemporaryDirectory(dir=cache_directory()) as temporary:
            if not formatted.exists():
                data = Path(temporary, "data")
                properties = self._write_properties(Path(temporary, "server.properties"), data)
                format_it = [*command, "format", "-t", _CLUSTER_ID, "-c", str(properties)]
                done = subprocess.run(format_it, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise NotAvailableError(
                        f"Kafka could not format its directory:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
                    )
                data.rename(formatted)
        return formatted
