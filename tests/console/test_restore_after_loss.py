"""docs/operations.md, back-up and restore, tried out: a desk older than the topics, and topics that are gone."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata
from sqlalchemy import Engine, make_url, select, text

from console.config import ConsoleConfig
from deploy.local.packages.debian import find_kcat
from deploy.local.servers.database import bundled_programs, installed_programs
from desk.engine import open_desk, read_transaction, write_transaction
from desk.tables import items
from logger.handler import LoggerHandler
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import read_to_end
from runtime.kafka.topic_setup import create_topics
from schemas.servers import AccountTokens, MailboxCursor
from schemas.topics import MAILBOX_CURSORS, SERVER_TOKENS
from schemas.wire import OutputRecord, decode, encode, tombstone
from tests.console.conftest import DEMO, Mailcall, Ran, fetched, mail, running_stages
from tests.desks import make_tables

pytestmark = pytest.mark.debian  # kcat

PAGE = Path(__file__).resolve().parents[2] / "docs/operations.md"
Run = Callable[..., Ran]


@pytest.fixture
def config(kafka_bootstrap: str, topic_prefix: str, postgres_url: str, tmp_path: Path) -> ConsoleConfig:
    make_tables(postgres_url)
    return ConsoleConfig(
        kafka_bootstrap_servers=kafka_bootstrap,
        topic_prefix=f"{topic_prefix}.first",
        desk_url=postgres_url,
        blob_url=(tmp_path / "blobs").as_uri(),
    )


@pytest.fixture
def desk(config: ConsoleConfig) -> Iterator[Engine]:
    engine = open_desk(config.desk_url)
    yield engine
    engine.dispose()


def at(mailcall: Mailcall, config: ConsoleConfig) -> Run:
    """Runs `mailcall` in this installation, whose topics are made."""
    create_topics(config)
    where = ("--bootstrap-servers", config.kafka_bootstrap_servers, "--topic-prefix", config.topic_prefix)
    return lambda *arguments: mailcall(*where, "--desk-url", config.desk_url, *arguments)


def postgres(program: str, *arguments: str) -> None:
    directory = (*installed_programs(), bundled_programs())[0]
    subprocess.run([directory / program, *arguments], check=True, capture_output=True, timeout=60)


def take_up(config: ConsoleConfig, desk: Engine, mails: list[OutputRecord], run: Run) -> None:
    """Publishes these mails and lets resolver and logger bring each to its end."""
    with closing(Publisher(config)) as publisher, running_stages(config, desk, publisher):
        publisher.publish(mails)
        ran = run("reconcile", "--wait", "60")
        assert ran.code == 0, ran.out + ran.err


def subjects(desk: Engine) -> dict[str, int]:
    """Of each item its number, by its subject."""
    with read_transaction(desk) as connection:
        return {row.subject: row.id for row in connection.execute(select(items.c.subject, items.c.id))}


def count(desk: Engine) -> int:
    with read_transaction(desk) as connection:
        return len(connection.execute(select(items.c.id)).all())


def set_back(config: ConsoleConfig, moment: datetime) -> None:
    """The logger, on all its topics, as `kafka-consumer-groups --reset-offsets --to-datetime` does."""
    consumer = KafkaConsumer(
        bootstrap_servers=config.kafka_bootstrap_servers,
        group_id=f"{config.topic_prefix}.logger",
        enable_auto_commit=False,
    )
    names = [topic.name(config.topic_prefix) for topic in LoggerHandler.topics]
    places = [TopicPartition(name, number) for name in names for number in consumer.partitions_for_topic(name)]
    consumer.assign(places)
    ends = consumer.end_offsets(places)
    found = consumer.offsets_for_times(dict.fromkeys(places, int(moment.timestamp() * 1000)))
    start = {place: found[place].offset if found[place] else ends[place] for place in places}
    consumer.commit({place: OffsetAndMetadata(offset, "", -1) for place, offset in start.items()})
    consumer.close(autocommit=False)


def compacted(config: ConsoleConfig) -> dict[tuple[str, bytes | None], tuple[int, bytes | None]]:
    """Of each key of cursors and tokens its partition and newest value."""
    topics = {topic.name(config.topic_prefix): topic.short for topic in (MAILBOX_CURSORS, SERVER_TOKENS)}
    return {(topics[one.topic], one.key): (one.partition, one.value) for one in read_to_end(config, list(topics))}


def kcat(way: str, config: ConsoleConfig, directory: Path) -> None:
    """The commands of the page that read (-C) or write (-P) cursors and tokens."""
    find_kcat()
    commands = re.findall(rf"^    (kcat -b broker:9092 {way} .*\.tsv)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        here = command.replace("broker:9092", config.kafka_bootstrap_servers).replace(
            " mailcall.", f" {config.topic_prefix}."
        )
        subprocess.run(["bash", "-euo", "pipefail", "-c", here], cwd=directory, check=True, timeout=60)


def test_cursors_and_tokens_are_written_down_and_come_back(
    mailcall: Mailcall, config: ConsoleConfig, tmp_path: Path
) -> None:
    other = config.model_copy(update={"topic_prefix": config.topic_prefix.replace("first", "second")})
    for one in (config, other):
        at(mailcall, one)
    now = datetime.now(UTC)
    cursors = [MailboxCursor(server_id=f"box-{number}", uid=number, uidls=("a", "b c")) for number in range(9)]
    tokens = AccountTokens(account="a" * 32, server_id="box-1", sealed="c2VhbGVk", renewed_at=now)
    with closing(Publisher(config)) as publisher:
        publisher.publish(
            [
                *(encode(MAILBOX_CURSORS, one.server_id, one, id="1", source="/t", time=now) for one in cursors),
                tombstone(MAILBOX_CURSORS, "box-0"),
                encode(SERVER_TOKENS, tokens.account, tokens, id="2", source="/t", time=now),
            ]
        )
    kcat("-C", config, tmp_path)
    kcat("-P", other, tmp_path)

    assert compacted(other) == compacted(config)
    assert len(compacted(other)) == 10
    assert compacted(other)["mailbox.cursors", b"box-0"][1] is None
    restored = {
        decode(MAILBOX_CURSORS, one)[1]
        for one in read_to_end(other, [MAILBOX_CURSORS.name(other.topic_prefix)])
        if one.value
    }
    assert restored == set(cursors)


@pytest.mark.timeout(180)
def test_a_desk_older_than_the_topics_and_topics_that_are_gone(
    mailcall: Mailcall, config: ConsoleConfig, desk: Engine, tmp_path: Path
) -> None:
    run = at(mailcall, config)
    assert run("apply", DEMO).code == 0
    mails = [fetched(mail(number)) for number in range(5)]
    take_up(config, desk, mails[:3], run)

    dump, dsn = tmp_path / "desk.dump", make_url(config.desk_url).set(drivername="postgresql").render_as_string()
    moment = datetime.now(UTC)
    postgres("pg_dump", "--format=custom", f"--file={dump}", dsn)
    backup = tmp_path / "backup.yaml"
    backup.write_text(run("export", "--every-field").out, encoding="utf-8")
    take_up(config, desk, mails[3:], run)
    before = subjects(desk)
    desk.dispose()
    postgres("pg_restore", "--clean", "--if-exists", f"--dbname={dsn}", str(dump))

    ran = run("reconcile", "--json")
    balance = json.loads(ran.out)
    assert (ran.code, balance["outcomes"]["missing"], balance["outcomes"]["call-logged"]) == (1, 2, 3)

    with write_transaction(desk) as connection:  # numbers that people were told are not given again
        connection.execute(text("SELECT setval(pg_get_serial_sequence('items', 'id'), 1000)"))
    set_back(config, moment)
    take_up(config, desk, [], run)
    after = subjects(desk)
    assert count(desk) == 5
    assert {subject: after[subject] for subject in list(before)[:3]} == dict(list(before.items())[:3])
    assert sorted(after.values())[3:] == [1001, 1002]

    other = config.model_copy(update={"topic_prefix": config.topic_prefix.replace("first", "second")})
    elsewhere = at(mailcall, other)
    applied = elsewhere("apply", backup, "--overwrite")
    assert applied.code == 0, applied.err
    restored = yaml.safe_load(elsewhere("export", "--every-field").out)
    assert {**restored, "exported": None} == {**yaml.safe_load(backup.read_text(encoding="utf-8")), "exported": None}
    take_up(other, desk, mails, elsewhere)
    assert (subjects(desk), count(desk)) == (after, 5)
