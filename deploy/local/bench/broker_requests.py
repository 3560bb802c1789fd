"""A broker that counts the requests of its clients, by kind: its own counters, read with Prometheus' JMX exporter."""

from pathlib import Path

from deploy.local.bench.measure import counted
from deploy.local.packages.jars import fetch
from deploy.local.ports import HOST, free_port
from deploy.local.servers.broker import KafkaProcess

# JSON is YAML; of each kind there is one counter for each version of it.
_RULES = """{
  "includeObjectNames": ["kafka.network:type=RequestMetrics,name=RequestsPerSec,*"],
  "rules": [{
    "pattern": "kafka.network<type=RequestMetrics, name=RequestsPerSec, request=(.+), version=(.+)><>Count",
    "name": "broker_requests_total",
    "type": "COUNTER",
    "labels": {"request": "$1", "version": "$2"}
  }]
}
"""
# Its own as a controller; and those of `Fetch` once more, by who asks.
_NOT_COUNTED = frozenset({"BrokerHeartbeat", "BrokerRegistration", "ControllerRegistration", "FetchConsumer"})


class CountingBroker(KafkaProcess):
    """A broker as a long run wants it, that can be asked for its counters."""

    def __init__(self, directory: Path) -> None:
        self._counters_port = free_port()
        directory.mkdir(parents=True, exist_ok=True)
        rules = directory / "counters.yml"
        rules.write_text(_RULES)
        [exporter] = fetch("jmx-exporter")
        agent = f"-javaagent:{exporter}={HOST}:{self._counters_port}:{rules}"
        super().__init__(directory, options=(agent,), heap_mb=512)

    def requests_done(self) -> dict[str, float]:
        """So far, by the request's name, such as `Produce`; those of which there was none are left out."""
        done = counted(f"http://{HOST}:{self._counters_port}/metrics", "broker_requests", "request")
        return {kind: count for kind, count in done.items() if kind not in _NOT_COUNTED}
