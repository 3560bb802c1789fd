"""The index is kept from a real broker, and what it says is found there again: with SQLite and with PostgreSQL."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, TopicPartition
from sqlalchemy import Engine, delete, select, update

from console.audit.dead_letters import dead_letters
from console.audit.quarantine import discard, held, release
from console.config import ConsoleConfig
from console.mails.index.conditions import Query
from console.mails.index.follower import IndexFollower
from console.mails.index.records import mail_records
from console.mails.index.search import find_mails, one_mail
from console.mails.index.store import forget_positions, read_positions, write_facts
from console.mails.index.updater import catch_up
from desk.engine import open_desk, read_transaction, write_transaction
from desk.errors import UnstorableError
from desk.tables import index_positions, mail_index, mail_steps
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import RecordReader, read_to_end
from runtime.kafka.topic_setup import create_topics
from runtime.outages import OutageError
from runtime.processing.dead_letters import dead_letter
from runtime.processing.outcomes import Dead
from runtime.security.token_keys import make_token_key
from schemas import ids
from schemas.reasons import Reason
from schemas.resolved_mail import RejectedMail
from schemas.topics import CALL_EVENTS, MAIL_FETCHED, MAIL_REJECTED, Topic
from schemas.wire import OutputRecord, Record, encode
from tests.console.conftest import Mailcall

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]
NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def config(kafka_bootstrap: str, topic_prefix: str, desk_url: str, tmp_path: Path) -> ConsoleConfig:
    key_file = tmp_path / "token.key"
    make_token_key(key_file)
    config = ConsoleConfig(
        kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix, desk_url=desk_url,
        blob_url=(tmp_path / "blobs").as_uri(), token_key_file=key_file,
    )  # fmt: skip
    create_topics(config)
    return config


@pytest.fixture
def desk(config: ConsoleConfig) -> Iterator[Engine]:
    engine = open_desk(config.desk_url)
    yield engine
    engine.dispose()


@contextmanager
def following(config: ConsoleConfig, desk: Engine) -> Iterator[IndexFollower]:
    """A follower, once all that is on the topics is in the index, until the block ends."""
    follower, stop = IndexFollower(config, desk), threading.Event()
    follower.start(stop)
    try:
        assert follower.complete.wait(60)
        yield follower
    finally:
        stop.set()
        follower.join()


@pytest.fixture
def follow(config: ConsoleConfig, desk: Engine) -> Iterator[Callable[[], IndexFollower]]:
    """Starts a follower, and returns once all that is on the topics is in the index."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(following(config, desk))


@pytest.fixture
def index_all(config: ConsoleConfig, desk: Engine) -> Callable[[], None]:
    """Puts all that is on the topics into the index; then nobody follows, and a test may change what is stored."""

    def run() -> None:
        with following(config, desk):
            pass

    return run


def fetched(number: int) -> OutputRecord:
    raw = f"Subject: {number}\r\n\r\n".encode()
    known = {"serverid": "it-mailbox", "internaldate": NOW.isoformat()}
    sender = f"user{number}@example.org"
    return encode(MAIL_FETCHED, sender, raw, id=mail_id(number), source="/t", time=NOW, extensions=known)


def rejected(number: int, reason: Reason = Reason.QUARANTINE, **fields: Any) -> OutputRecord:
    sender = f"user{number}@example.org"
    value = RejectedMail(
        mail_id=mail_id(number), server_id="it-mailbox", reason=reason, evidence="dmarc=fail", sender=sender,
        subject=f"Mail {number}", received=NOW, **fields,
    )  # fmt: skip
    return encode(MAIL_REJECTED, sender, value, id=mail_id(number), source="/t", time=NOW)


def mail_id(number: int) -> str:
    return ids.mail_id("it-mailbox", f"Subject: {number}\r\n\r\n".encode())


def dead(config: ConsoleConfig, number: int) -> Any:
    headers = (("ce_id", mail_id(number).encode()), ("ce_serverid", b"it-mailbox"))
    record = Record(MAIL_FETCHED.name(config.topic_prefix), 0, number, b"key", b"words", headers, 1)
    return dead_letter(record, MAIL_FETCHED, Dead(Reason.WRONG_SCHEMA, "no good"), "resolver", config.topic_prefix, NOW)


def ends(desk: Engine) -> dict[str, str]:
    with read_transaction(desk) as connection:
        return {row.mail_id: row.outcome for row in connection.execute(select(mail_index))}


def delete_before(config: ConsoleConfig, topic: Topic, ends_: dict[int, int]) -> None:
    """What retention does after a while."""
    admin = KafkaAdminClient(bootstrap_servers=config.kafka_bootstrap_servers)
    name = topic.name(config.topic_prefix)
    admin.delete_records({TopicPartition(name, partition): end for partition, end in ends_.items()})
    admin.close()


def test_what_comes_is_in_the_index_and_where_it_says(
    config: ConsoleConfig, desk: Engine, publisher: Publisher, follow: Callable[[], IndexFollower]
) -> None:
    publisher.publish([message for number in range(50) for message in (fetched(number), rejected(number))])
    follow()
    assert ends(desk) == {mail_id(number): "quarantined" for number in range(50)}

    publisher.publish([fetched(50), dead(config, 50)])
    catch_up(config, desk, [MAIL_FETCHED], [MAIL_FETCHED])
    assert ends(desk)[mail_id(50)] == "dead-lettered"

    with read_transaction(desk) as connection:
        steps = connection.execute(select(mail_steps).where(mail_steps.c.topic == "mail.rejected")).all()
        assert find_mails(connection, Query(sender="user7@")).mails[0].mail_id == mail_id(7)
    name = MAIL_REJECTED.name(config.topic_prefix)
    with closing(RecordReader(config)) as reader:
        for chosen in (steps, steps[::7], steps[3:4], []):
            places = {(name, step.topic_partition, step.topic_offset): step.mail_id for step in chosen}
            found = reader.at(list(places))
            assert {place: dict(record.headers)["ce_id"].decode() for place, record in found.items()} == places
        assert reader.at([(name, 0, 10**6), (name, 99, 0), ("no-such-topic", 0, 0)]) == {}


def test_it_goes_on_where_it_stopped_and_begins_anew_where_it_is_told_to(
    config: ConsoleConfig, desk: Engine, publisher: Publisher, follow: Callable[[], IndexFollower]
) -> None:
    publisher.publish([rejected(1), rejected(2)])
    follow()
    with write_transaction(desk) as connection:
        connection.execute(delete(mail_index))
    publisher.publish([rejected(3)])
    catch_up(config, desk, [MAIL_REJECTED])
    assert ends(desk).keys() == {mail_id(3)}  # nothing was read twice

    with write_transaction(desk) as connection:
        forget_positions(connection)
    assert not catch_up(config, desk, [MAIL_REJECTED])
    publisher.publish([rejected(4)])  # the follower notices at the next record that it was told to begin anew
    follow()
    assert ends(desk).keys() == {mail_id(number) for number in (1, 2, 3, 4)}


def test_two_that_keep_it_at_once_keep_one_index(
    config: ConsoleConfig, desk: Engine, publisher: Publisher, follow: Callable[[], IndexFollower]
) -> None:
    follow()
    follow()
    for start in range(0, 200, 20):
        publisher.publish([rejected(number) for number in range(start, start + 20)])
    catch_up(config, desk, [MAIL_REJECTED])
    assert len(ends(desk)) == 200
    with read_transaction(desk) as connection:
        positions = read_positions(connection, [MAIL_REJECTED.name(config.topic_prefix)])
    assert sum(positions.values()) == 200


def test_nothing_is_lost_where_the_database_refuses_in_between(
    config: ConsoleConfig, desk: Engine, publisher: Publisher, monkeypatch: pytest.MonkeyPatch,
    follow: Callable[[], IndexFollower],
) -> None:  # fmt: skip
    refused = threading.Event()

    def refuse_once(connection: Any, facts: Any) -> None:
        write_facts(connection, facts)
        if not refused.is_set():
            refused.set()
            raise OutageError(Reason.DATABASE_AWAY, "gone for a moment")

    monkeypatch.setattr("console.mails.index.updater.write_facts", refuse_once)
    publisher.publish([rejected(number) for number in range(20)])
    follow()
    assert refused.is_set()
    assert len(ends(desk)) == 20


def test_a_record_that_the_database_cannot_hold_stops_no_other(
    config: ConsoleConfig, desk: Engine, publisher: Publisher, monkeypatch: pytest.MonkeyPatch,
    follow: Callable[[], IndexFollower],
) -> None:  # fmt: skip
    def refuse(connection: Any, facts: Any) -> None:
        if any(getattr(fact, "mail_id", "") == mail_id(7) for fact in facts):
            raise UnstorableError("too long")
        write_facts(connection, facts)

    monkeypatch.setattr("console.mails.index.updater.write_facts", refuse)
    publisher.publish([rejected(number) for number in range(20)])
    follow()
    assert ends(desk).keys() == {mail_id(number) for number in range(20) if number != 7}


def test_what_retention_has_taken_away_is_passed_over(
    config: ConsoleConfig, desk: Engine, publisher: Publisher, index_all: Callable[[], None]
) -> None:
    publisher.publish([rejected(1), rejected(2)])
    index_all()
    name = MAIL_REJECTED.name(config.topic_prefix)
    with read_transaction(desk) as connection:
        kept = read_positions(connection, [name])
    delete_before(config, MAIL_REJECTED, {partition: offset for (_, partition), offset in kept.items()})
    with write_transaction(desk) as connection:
        connection.execute(update(index_positions).values(next_offset=0))
    publisher.publish([rejected(3)])
    index_all()
    assert ends(desk).keys() == {mail_id(number) for number in (1, 2, 3)}
    with mail_records(config) as records:
        assert records.of(MAIL_REJECTED, [mail_id(1)]) == []


def test_a_topic_made_anew_is_begun_again(
    config: ConsoleConfig, desk: Engine, publisher: Publisher, index_all: Callable[[], None]
) -> None:
    publisher.publish([rejected(1)])
    index_all()
    with write_transaction(desk) as connection:
        connection.execute(update(index_positions).values(next_offset=1_000))
        connection.execute(delete(mail_index))
    publisher.publish([rejected(2)])
    assert catch_up(config, desk, [MAIL_REJECTED])
    assert ends(desk).keys() == {mail_id(1), mail_id(2)}


def test_held_mails_are_released_and_discarded_by_the_index_alone(
    config: ConsoleConfig, desk: Engine, publisher: Publisher, follow: Callable[[], IndexFollower],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    publisher.publish([message for number in range(3) for message in (fetched(number), rejected(number))])
    follow()
    monkeypatch.setattr("console.mails.index.records.read_to_end", never)

    with mail_records(config) as records:
        assert [mail.mail_id for mail in held(records)] == sorted(mail_id(number) for number in range(3))
        assert release(records, publisher, [mail_id(0)], "ida", NOW, "known") == [mail_id(0)]
        assert discard(records, publisher, [mail_id(1)], "ida", NOW, "spam") == [mail_id(1)]
        assert [mail.mail_id for mail in held(records)] == [mail_id(2)]
        for wrong in (mail_id(1), "0" * 32):
            with pytest.raises(Exception, match="is not in quarantine"):
                discard(records, publisher, [mail_id(2), wrong], "ida", NOW, "spam")
        with pytest.raises(Exception, match="for a reason"):
            discard(records, publisher, [mail_id(2)], "ida", NOW, " ")
    with read_transaction(desk) as connection:
        released, discarded = one_mail(connection, mail_id(0)), one_mail(connection, mail_id(1))
    assert released is not None
    assert discarded is not None
    assert (released.outcome, released.detail) == ("on-the-way", "by ida: known")
    assert (discarded.outcome, discarded.detail) == ("discarded", "by ida: spam")
    fetched_again = [
        record for record in read_to_end(config, [MAIL_FETCHED.name(config.topic_prefix)])
        if "ce_released" in dict(record.headers)
    ]  # fmt: skip
    assert len(fetched_again) == 1


def never(*_arguments: Any) -> Any:
    raise AssertionError("a topic was read whole")


@pytest.mark.parametrize("indexed", [True, False])
def test_dead_letters_are_listed_replayed_and_discarded_with_the_index_and_without(
    indexed: bool, config: ConsoleConfig, publisher: Publisher, follow: Callable[[], IndexFollower],
    monkeypatch: pytest.MonkeyPatch, mailcall: Mailcall,
) -> None:  # fmt: skip
    publisher.publish([dead(config, number) for number in range(3)])
    if indexed:
        follow()
        monkeypatch.setattr("console.audit.dead_letters.read_to_end", never)

    def run(*arguments: object) -> Any:
        given = ("--bootstrap-servers", config.kafka_bootstrap_servers, "--topic-prefix", config.topic_prefix)
        return mailcall(*given, "--desk-url", config.desk_url, "dead-letters", *arguments)

    assert run("replay", "--id", "mail.fetched/0/1", "--who", "ida").out == "replayed mail.fetched/0/1\n1 replayed\n"
    assert run("discard", "--id", "mail.fetched/0/2", "--note", "spam", "--who", "ida", "--json").code == 0
    assert run("discard", "--id", "mail.fetched/0/9", "--note", "spam").code == 2
    listed = {one["id"]: one for one in json.loads(run("list", "--json").out)}
    shown = json.loads(run("show", "mail.fetched/0/2", "--json").out)

    assert len(listed) == 3
    assert listed["mail.fetched/0/2"] == shown
    assert (shown["reason"], shown["message"], shown["mail_id"]) == ("wrong-schema", "no good", mail_id(2))
    assert (shown["settled_by"], shown["settled_why"], shown["original"]) == ("ida", "spam", [0, 2])
    assert shown["discarded_at"]
    assert listed["mail.fetched/0/1"]["replayed_at"]
    assert listed["mail.fetched/0/1"]["settled_by"] == "ida"
    assert run("replay", "--json").out == '["mail.fetched/0/0"]\n'
    assert [one.id for one in dead_letters(config) if one.is_open] == []
    sent_back = list(read_to_end(config, [MAIL_FETCHED.name(config.topic_prefix)]))
    assert {record.value for record in sent_back} == {b"words"}
    assert len(sent_back) == 2


def test_without_tables_there_is_no_index(kafka_bootstrap: str, topic_prefix: str, tmp_path: Path) -> None:
    config = ConsoleConfig(
        kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=topic_prefix, desk_url=f"sqlite:///{tmp_path / 'no.db'}",
        blob_url=(tmp_path / "blobs").as_uri(),
    )  # fmt: skip
    create_topics(config)
    engine = open_desk(config.desk_url)
    assert catch_up(config, engine, [CALL_EVENTS]) is False
    engine.dispose()


def test_mails_are_found_and_followed_by_command(
    config: ConsoleConfig, publisher: Publisher, follow: Callable[[], IndexFollower], mailcall: Mailcall
) -> None:
    def run(*arguments: object) -> Any:
        given = ("--bootstrap-servers", config.kafka_bootstrap_servers, "--topic-prefix", config.topic_prefix)
        return mailcall(*given, "--desk-url", config.desk_url, "mail", *arguments)

    assert "there is no index of mails yet" in run("find").err
    follow()
    publisher.publish([fetched(1), rejected(1), fetched(2), rejected(2, Reason.AUTO_REPLY)])

    found = json.loads(run("find", "--sender", "user1@", "--json").out)
    way = json.loads(run("way", mail_id(1), "--json").out)
    shown = run("way", mail_id(2)).out

    assert [one["mail_id"] for one in found] == [mail_id(1)]
    assert [stage["name"] for stage in way["stages"]] == ["Fetched", "Read", "Screened"]
    assert way["stages"][2]["details"] == [["Evidence", "dmarc=fail"]]
    assert "auto-reply" in shown
    assert run("find", "nothing like it").out == "no message matches\n"
    assert run("way", "0" * 32).code == 2
    assert run("reindex").code == 0
