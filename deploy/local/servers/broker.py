"""A Kafka broker: the one named in KAFKA_BOOTSTRAP_SERVERS, else a real Apache Kafka (KRaft, one node) started here."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Protocol, Self

from deploy.local import NotAvailableError
from deploy.local.child import Child
from deploy.local.packages.jars import cache_directory, java_command, locked
from deploy.local.ports import HOST, free_ports, is_open
from deploy.local.servers.server import Server

SERVERS_VARIABLE = "KAFKA_BOOTSTRAP_SERVERS"
# The quick compiler alone: ready in 2.3 s instead of 3.5 s, with half the CPU. A long run is faster with both.
QUICK_START = ("-XX:TieredStopAtLevel=1",)
_QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
_CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qk"

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners={listeners}
listener.security.protocol.map={protocols}
inter.broker.listener.name=PLAINTEXT
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


@dataclass(frozen=True)
class Listener:
    """A port besides the open one. `settings` are the broker's for this listener, `listener.name.NAME.` left out."""

    name: str
    protocol: str
    settings: Mapping[str, str] = field(default_factory=dict, hash=False)

    def lines(self) -> Iterator[str]:
        for name, value in self.settings.items():
            yield f"listener.name.{self.name.lower()}.{name}={value}"


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
    return ExternalBroker(servers) if servers else KafkaProcess(directory)


class ExternalBroker:
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
    """Apache Kafka as a child process on free ports of 127.0.0.1, one open and one for each of `listeners`.

    `options` go to Java, `settings` are the broker's.
    """

    name = "broker"

    def __init__(
        self,
        directory: Path | None = None,
        options: Sequence[str] = QUICK_START,
        heap_mb: int = 256,
        listeners: Sequence[Listener] = (),
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(directory)
        self._port, self._controller_port, *ports = free_ports(2 + len(listeners))
        self._listeners = dict(zip(listeners, ports, strict=True))
        self._options = (_QUIET, *options, f"-Xmx{heap_mb}m")
        self._settings = dict(settings)

    @property
    def bootstrap_servers(self) -> str:
        return f"{HOST}:{self._port}"

    def address_of(self, listener: str) -> str:
        """`host:port` of one of `listeners`, by its name."""
        return next(f"{HOST}:{port}" for one, port in self._listeners.items() if one.name == listener)

    def _ready(self) -> bool:
        return all(is_open(HOST, port) for port in (self._port, *self._listeners.values()))

    def _prepare(self) -> Child:
        data = self.directory / "data"
        properties = self._write_properties(self.directory / "server.properties", data)
        if not data.exists():
            shutil.copytree(self._formatted(), data)
        command = java_command("kafka", "kafka.Kafka", self._options)
        return Child("Kafka", [*command, properties], log=self.log)

    def _write_properties(self, file: Path, data: Path) -> Path:
        ports = {"PLAINTEXT": self._port, "CONTROLLER": self._controller_port}
        ports |= {listener.name: port for listener, port in self._listeners.items()}
        protocols = dict.fromkeys(("PLAINTEXT", "CONTROLLER"), "PLAINTEXT")
        protocols |= {listener.name: listener.protocol for listener in self._listeners}
        text = _PROPERTIES.format(
            host=HOST,
            data=data,
            controller_port=self._controller_port,
            listeners=",".join(f"{name}://{HOST}:{port}" for name, port in ports.items()),
            protocols=",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
        )
        lines = [f"{name}={value}" for name, value in self._settings.items()]
        lines += [line for listener in self._listeners for line in listener.lines()]
        file.write_text(text + "".join(f"{line}\n" for line in lines))
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
