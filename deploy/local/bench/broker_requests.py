"""A broker that counts the requests of its clients, by kind: its own counters, read with Prometheus' JMX exporter."""

import urllib.request
from collections import defaultdict
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

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
        with urllib.request.urlopen(f"http://{HOST}:{self._counters_port}/metrics", timeout=10) as answer:
            families = text_string_to_metric_families(answer.read().decode())
            samples = [sample for family in families if family.name == "broker_requests" for sample in family.samples]
        done: defaultdict[str, float] = defaultdict(float)
        for sample in samples:
            if sample.labels["request"] not in _NOT_COUNTED:
                done[sample.labels["request"]] += sample.value
        return dict(done)
