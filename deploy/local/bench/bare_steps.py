"""`python -m deploy.local.bench.bare_steps`: what each step costs with the usual libraries, and nothing of Mailcall.

Each is what no service desk can leave out, done on the benchmark's mails as a library's manual has it: the bytes are
fetched, decoded, put into a topic and taken out of it, stored as a row, sent by SMTP. It is a measure, not a bound.
"""

import argparse
import base64
import email
import hashlib
import imaplib
import json
import smtplib
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from email.message import Message
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from rich.console import Console
from rich.table import Table

from deploy.local.bench.mails import BenchMail, make_mails
from deploy.local.bench.measure import cpu_seconds
from deploy.local.bench.servers import DATABASE, BenchServers, mailbox, start_broker, start_servers

BUILD = Path("build")
BATCH = 50  # mails fetched, produced and stored at once
ROUNDS = 5  # the cheapest of them counts: a busy machine only ever adds
SMALL = b"x" * 2_000  # what goes on after the mail itself: resolved, notification, result
SMALL_TOPICS = ("resolved", "notification", "result")
TOPICS = ("fetched", *SMALL_TOPICS)
_INSERT = "INSERT INTO bare_step (id, text) VALUES (%s, %s) ON CONFLICT DO NOTHING"

Step = Callable[[BenchServers, Sequence[BenchMail]], None]


def fetch(servers: BenchServers, mails: Sequence[BenchMail]) -> None:
    """By imaplib, on one connection."""
    with imaplib.IMAP4(servers.mail_host.host, servers.mail_host.imap_port) as session:
        session.login(mailbox(0), "any")
        session.select(readonly=True)
        for first in range(1, len(mails) + 1, BATCH):
            session.uid("FETCH", f"{first}:{first + BATCH - 1}", "(BODY.PEEK[])")


def identify(_: BenchServers, mails: Sequence[BenchMail]) -> None:
    """One SHA-256 of the bytes."""
    for mail in mails:
        hashlib.sha256(mail.raw).digest()


def decode(_: BenchServers, mails: Sequence[BenchMail]) -> None:
    """The standard library finds the parts, and decodes text and files."""
    for mail in mails:
        for part in email.message_from_bytes(mail.raw).walk():
            _decode(part)


def _decode(part: Message) -> None:
    if not part.is_multipart():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes) and part.get_content_maintype() == "text":
            content.decode(part.get_content_charset("utf-8"), "replace")


def publish(servers: BenchServers, mails: Sequence[BenchMail]) -> None:
    """kafka-python: the mail to one topic, a small record to each of three others; acknowledged a batch at a time."""
    bootstrap = servers.broker.bootstrap_servers
    with closing(KafkaProducer(bootstrap_servers=bootstrap, acks="all", max_request_size=16_000_000)) as producer:
        for first in range(0, len(mails), BATCH):
            for mail in mails[first : first + BATCH]:
                producer.send("fetched", mail.raw[:700_000])
                for topic in SMALL_TOPICS:
                    producer.send(topic, SMALL)
            producer.flush()


def consume(servers: BenchServers, mails: Sequence[BenchMail]) -> None:
    """kafka-python, without a group: the same records, from the end back."""
    consumer = KafkaConsumer(bootstrap_servers=servers.broker.bootstrap_servers, fetch_max_bytes=16_000_000)
    with closing(consumer):
        partitions = [TopicPartition(topic, 0) for topic in TOPICS]
        consumer.assign(partitions)
        for partition, end in consumer.end_offsets(partitions).items():
            consumer.seek(partition, end - len(mails))
        left = len(TOPICS) * len(mails)
        while left > 0:
            left -= sum(map(len, consumer.poll(1000).values()))


def store(servers: BenchServers, mails: Sequence[BenchMail]) -> None:
    """psycopg: one row a mail, a transaction a batch."""
    with psycopg.connect(servers.database.dsn(DATABASE)) as connection, connection.cursor() as cursor:
        for first in range(0, len(mails), BATCH):
            rows = [(mail.message_id, mail.words) for mail in mails[first : first + BATCH]]
            cursor.executemany(_INSERT, rows)
            connection.commit()
        cursor.execute("TRUNCATE bare_step")
        connection.commit()


def commit_each(servers: BenchServers, mails: Sequence[BenchMail]) -> None:
    """psycopg: one row and one durable transaction a mail, as a ledger of deliveries has to be."""
    with psycopg.connect(servers.database.dsn(DATABASE), autocommit=True) as connection:
        for mail in mails:
            connection.execute(_INSERT, (mail.message_id, ""))
        connection.execute("TRUNCATE bare_step")


def send(servers: BenchServers, mails: Sequence[BenchMail]) -> None:
    """smtplib, on one connection: an answer of 2 kB to each."""
    answer = "\r\n".join(("Subject: Re: your message", "", base64.encodebytes(SMALL[:1400]).decode()))
    with smtplib.SMTP(servers.sink.host, servers.sink.port) as session:
        for mail in mails:
            session.sendmail("desk@desk.example", [mail.sender], answer)


STEPS: tuple[tuple[str, Step], ...] = (
    ("fetch by IMAP", fetch),
    ("hash once", identify),
    ("decode parts and text", decode),
    ("publish four records", publish),
    ("consume four records", consume),
    ("store one row, in batches", store),
    ("store one row durably", commit_each),
    ("send by SMTP", send),
)


def measure(servers: BenchServers, mails: Sequence[BenchMail], step: Step) -> dict[str, float]:
    """Milliseconds of CPU a mail: of this process, of the broker and of the database, each the least of all rounds."""
    pids = {name: servers.pids[name] for name in ("broker", "database")}
    rounds: list[dict[str, float]] = []
    for _ in range(ROUNDS):
        before = {"client": time.process_time(), **{name: cpu_seconds(pid) for name, pid in pids.items()}}
        step(servers, mails)
        after = {"client": time.process_time(), **{name: cpu_seconds(pid) for name, pid in pids.items()}}
        rounds.append({name: (after[name] - before[name]) * 1000 / len(mails) for name in after})
    return {name: round(min(one[name] for one in rounds), 3) for name in rounds[0]}


def prepare(servers: BenchServers, mails: Sequence[BenchMail]) -> None:
    servers.mail_host.deliver(mailbox(0), mails)
    with psycopg.connect(servers.database.dsn(DATABASE)) as connection:
        connection.execute("CREATE TABLE bare_step (id text PRIMARY KEY, text text)")
    with closing(KafkaAdminClient(bootstrap_servers=servers.broker.bootstrap_servers)) as admin:
        admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1) for topic in TOPICS])
    for _ in range(ROUNDS):  # the broker's compiler
        publish(servers, mails)
        consume(servers, mails)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m deploy.local.bench.bare_steps", description=__doc__)
    parser.add_argument("--mails", type=int, default=1000)
    options = parser.parse_args(argv)
    console = Console()
    answer = attrgetter("message_id")
    mails = list(make_mails(options.mails, seed=1, recipient=mailbox(0), acknowledgement_id=answer))
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory()))
        servers = start_servers(start_broker(directory, stack), stack, mailboxes=1)
        prepare(servers, mails)
        costs = {name: measure(servers, mails, step) for name, step in STEPS}
    table = Table("CPU ms a mail, bare", "client", "broker", "database", box=None, header_style="bold")
    for name, cost in costs.items():
        table.add_row(name, *(f"{cost[part]:.3f}" for part in ("client", "broker", "database")))
    console.print(table)
    BUILD.mkdir(exist_ok=True)
    (BUILD / "bench-bare-steps.json").write_text(json.dumps(costs, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
