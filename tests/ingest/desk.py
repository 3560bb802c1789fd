"""One deployment of ingest on a real broker: its topics, its incoming servers, its processes, what they publish."""

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from runtime.config import ProcessConfig
from runtime.kafka.clients import make_consumer
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import TopicMissingError, assign_whole, to_record
from runtime.kafka.topic_setup import create_topics
from schemas.fetched import FetchedMail, open_fetched
from schemas.settings import IncomingServer
from schemas.topics import MAIL_FETCHED, MAILBOX_CURSORS, SERVER_STATUS, SETTINGS, Topic
from schemas.wire import Record, decode, encode, tombstone

SECONDS = 40


class Desk:
    """Its passwords are `s3cret`, in the environment as DESK_PASSWORD."""

    def __init__(self, prefix: str, bootstrap: str, directory: Path) -> None:
        self.config = ProcessConfig(
            topic_prefix=prefix, kafka_bootstrap_servers=bootstrap, blob_url=directory.as_uri() + "/blobs"
        )
        create_topics(self.config)
        self.publisher = Publisher(self.config)
        self._consumer = make_consumer(self.config, "test", fetch_max_wait_ms=100)
        self._records: list[Record] = []
        self._directory = directory
        self._logs: dict[int, Path] = {}  # by process id
        self.processes: list[subprocess.Popen[bytes]] = []
        self._follow(MAIL_FETCHED, MAILBOX_CURSORS, SERVER_STATUS)

    def _follow(self, *topics: Topic) -> None:
        """Topics that were made a moment ago are not known to every client yet."""
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                assign_whole(self._consumer, [topic.name(self.config.topic_prefix) for topic in topics])
                return
            except TopicMissingError:
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def start(self, **settings: str) -> subprocess.Popen[bytes]:
        """`settings`: further ones, by their environment variables."""
        environment = {
            **os.environ,
            "MAILCALL_TOPIC_PREFIX": self.config.topic_prefix,
            "MAILCALL_KAFKA_BOOTSTRAP_SERVERS": self.config.kafka_bootstrap_servers,
            "MAILCALL_BLOB_URL": self.config.blob_url,
            "DESK_PASSWORD": "s3cret",
            **settings,
        }
        file = self._directory / f"ingest-{len(self.processes)}.log"
        with file.open("wb") as log:
            process = subprocess.Popen([sys.executable, "-m", "ingest"], env=environment, stderr=log)
        self.processes.append(process)
        self._logs[process.pid] = file
        return process

    def log(self) -> str:
        """What all processes have logged, one after the other."""
        return "".join(file.read_text() for file in self._logs.values())

    def gauge(self, name: str, process: subprocess.Popen[bytes]) -> dict[str, float]:
        """What a process shows on /metrics, by server; nothing before it serves them."""
        served = re.search(r'"address": "(http://[^"]+)"', self._logs[process.pid].read_text())
        if served is None:
            return {}
        with urllib.request.urlopen(f"{served.group(1)}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        found = re.findall(rf'^mailcall_incoming_server_{name}{{server="(.*)"}} (\S+)$', text, re.MULTILINE)
        return {server_id: float(value) for server_id, value in found}

    def apply(self, server: IncomingServer) -> None:
        key = f"incoming-server/{server.id}"
        self.publisher.publish([encode(SETTINGS, key, server, id=key, source="/test", time=datetime.now(UTC))])

    def remove(self, server_id: str) -> None:
        self.publisher.publish([tombstone(SETTINGS, f"incoming-server/{server_id}")])

    def mails(self) -> list[FetchedMail]:
        return [open_fetched(record) for record in self._of(MAIL_FETCHED)]

    def mails_by_id(self) -> dict[str, FetchedMail]:
        return {mail.mail_id: mail for mail in self.mails()}

    def fetched_at(self) -> dict[str, float]:
        """When each mail came to `mail.fetched` first, in seconds since 1970, by its id."""
        records = reversed(self._of(MAIL_FETCHED))
        return {open_fetched(record).mail_id: record.timestamp_ms / 1000 for record in records}

    def states(self, server_id: str) -> list[str | None]:
        """What was told of a server; None where that was deleted."""
        records = [record for record in self._of(SERVER_STATUS) if record.key == server_id.encode()]
        return [None if record.value is None else decode(SERVER_STATUS, record)[1].state for record in records]

    def cursors(self) -> int:
        """How often a cursor was published."""
        return len(self._of(MAILBOX_CURSORS))

    def _of(self, topic: Topic) -> list[Record]:
        return [record for record in self._records if record.topic == topic.name(self.config.topic_prefix)]

    def until(self, condition: Callable[[], bool]) -> None:
        """Follow the topics until the condition holds."""
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, self.log()[-4000:]
            for batch in self._consumer.poll(200).values():
                self._records += map(to_record, batch)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self._consumer.close(autocommit=False)
        self.publisher.close()
