"""What we use of Faust and aiokafka, imported without what we do not: they are a seventh of what the resolver imports.

An HTTP client that one annotation names, cron, YAML as a format of records, Kerberos, by which nobody logs in to Kafka
here (`runtime/kafka/security.py`), and Snappy, which is imported once something is to be unpacked
(`runtime/kafka/decompression.py`).
"""

from runtime.left_out import left_out

_NOT_USED = {
    "aiohttp": (),
    "aiohttp.client": ("ClientSession",),
    "cramjam": (),
    "croniter": (),
    "croniter.croniter": ("croniter",),
    "gssapi": (),
    "yaml": (),
}

with left_out(_NOT_USED):
    import faust
    from aiokafka.errors import ConsumerStoppedError
    from faust.app.base import BootStrategy
    from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
    from mode.services import Service
    from mode.threads import WorkerThread

__all__ = [
    "AIOKafkaConsumerThread",
    "BootStrategy",
    "Consumer",
    "ConsumerStoppedError",
    "Service",
    "Transport",
    "WorkerThread",
    "faust",
]
