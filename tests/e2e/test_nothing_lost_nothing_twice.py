"""One pipeline on PostgreSQL: processes killed, mailboxes read again, bad records between good ones, forged answers."""

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from console.audit.dead_letters import dead_letters
from console.audit.reconcile_mails import reconcile
from console.audit.reconcile_notifications import reconcile_notifications
from deploy.local.demo.settings import PASSWORD
from deploy.local.pipeline import PROCESSES
from deploy.local.servers.database import Database
from deploy.local.servers.mail_host import MailHost
from runtime.kafka.clients import make_producer
from runtime.kafka.producer import Publisher
from schemas.settings import OutgoingServer
from schemas.topics import MAIL_FETCHED, MAIL_RESOLVED, MAILBOX_CURSORS, NOTIFICATION_REQUESTED, PERSONS, Topic
from schemas.wire import tombstone
from tests.e2e.running import HR, IT, RunningDesk, repeated, running_desk, wait_for

pytestmark = [pytest.mark.timeout(120), pytest.mark.mail_host]


@pytest.fixture(scope="module")
def desk(kafka_bootstrap: str, database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDesk]:
    name = f"e2e_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(database.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    directory = tmp_path_factory.mktemp("running-desk")
    accounts = dict.fromkeys((IT, HR), PASSWORD)
    with (
        MailHost(accounts, directory / "mail-host") as mail_host,
        running_desk(directory, kafka_bootstrap, database.url(name), mail_host) as desk,
    ):
        yield desk
    desk.pipeline.delete_topics()


@pytest.mark.parametrize("victim", PROCESSES)
def test_a_process_killed_in_mid_flow_changes_nothing(desk: RunningDesk, victim: str) -> None:
    restarts = desk.pipeline.supervisor.restarts(victim)
    sent = desk.send(15)
    wait_for(lambda: desk.logged(sent) > 0, "the first calls")
    desk.pipeline.supervisor.kill(victim)
    sent += desk.send(15)

    answers = desk.wait_for_answers(sent)
    desk.pipeline.wait_ready()
    assert desk.pipeline.supervisor.restarts(victim) == restarts + 1
    assert desk.logged(sent) == len(sent)
    assert desk.persons(sent) == len(sent)
    assert {answer.answers for answer in answers} == {one.message_id for one in sent}
    # Of each connection the mail that was being handed over when outbound died may come again, as the same mail.
    servers = (one for one in desk.settings.settings.values() if isinstance(one, OutgoingServer))
    in_hand = sum(server.connections for server in servers) if victim == "outbound" else 0
    assert repeated(desk.answers(sent)) <= in_hand
    assert len({answer.message_id for answer in answers}) == len(sent)
    told = reconcile_notifications(desk.pipeline.config)
    assert told.outcomes["sent"] >= len(sent)
    assert told.balanced, told.wrong


def test_mailboxes_read_again_from_the_start_log_no_second_call(desk: RunningDesk) -> None:
    sent = desk.send(6)
    answers = desk.wait_for_answers(sent)
    wait_for(lambda: reconcile(desk.pipeline.config).on_the_way == 0, "every mail's end")
    calls, before = desk.calls(), reconcile(desk.pipeline.config)

    servers = [key.partition("/")[2] for key in desk.settings.settings if key.startswith("incoming-server/")]
    with closing(Publisher(desk.pipeline.config)) as publisher:
        publisher.publish([tombstone(MAILBOX_CURSORS, server) for server in servers])
    desk.pipeline.supervisor.kill("ingest")  # what it remembers goes with it

    wait_for(lambda: reconcile(desk.pipeline.config).records >= 2 * before.mails, "every mail fetched again")
    wait_for(lambda: reconcile(desk.pipeline.config).on_the_way == 0, "every mail's end")
    after = reconcile(desk.pipeline.config)
    assert after.balanced
    assert (after.mails, dict(after.outcomes)) == (before.mails, dict(before.outcomes))
    assert desk.calls() == calls
    assert len(desk.answers(sent)) == len(answers) == len(sent)


# What can stand on any topic, and the reason of its dead letter. A null is a deletion on a compacted topic.
UNKNOWN_VERSION = "unknown-version"
BAD_VALUES: tuple[tuple[str, bytes | None], ...] = (
    ("random", bytes(range(256)) * 4),
    ("wrong-schema", b'{"some": "thing"}'),
    ("null", None),
    (UNKNOWN_VERSION, b"{}"),
    ("5 MB", b"\xff" * 5_000_000),
)


def test_bad_records_are_one_dead_letter_each_and_the_next_good_one_goes_through(desk: RunningDesk) -> None:
    config, sender = desk.pipeline.config, desk.new_sender()
    before = Counter(letter.topic for letter in dead_letters(config))
    produced: Counter[str] = Counter()
    with closing(make_producer(config, "bad")) as producer:
        for topic in (MAIL_FETCHED, MAIL_RESOLVED, NOTIFICATION_REQUESTED, PERSONS):
            for name, value in BAD_VALUES:
                if value is None and topic.compacted:
                    continue
                # The key of the good mail: the bad records lie before it on the same partition of every topic.
                producer.send(topic.name(config.topic_prefix), value, sender.encode(), headers=_headers(topic, name))
                produced[topic.short] += 1
        producer.flush()

    sent = desk.send(1, sender)
    assert len(desk.wait_for_answers(sent)) == 1
    expected = before + produced
    wait_for(lambda: Counter(letter.topic for letter in dead_letters(config)) >= expected, "every dead letter")
    desk.wait_for_answers(desk.send(1, sender))  # what is behind it has been handled too: no dead letter comes late
    letters = dead_letters(config)
    assert Counter(letter.topic for letter in letters) == expected
    unknown = [letter.reason for letter in letters if letter.headers.get("ce_type", "").endswith(".v99")]
    assert unknown == [UNKNOWN_VERSION] * 4
    assert reconcile(config).balanced
    # Until outbound's offsets are committed, what it has passed counts as on the way.
    wait_for(lambda: reconcile_notifications(config).outcomes["on-the-way"] == 0, "every notification's end")
    assert reconcile_notifications(config).outcomes["dead-lettered"] == produced[NOTIFICATION_REQUESTED.short]
    assert reconcile_notifications(config).balanced


def _headers(topic: Topic, name: str) -> list[tuple[str, bytes]]:
    if name != UNKNOWN_VERSION:
        return []
    return [("ce_type", topic.event_type.rpartition(".")[0].encode() + b".v99"), ("ce_id", b"bad")]


def test_a_signed_answer_joins_its_call_and_a_forged_one_is_a_linked_call(desk: RunningDesk) -> None:
    (question,) = desk.send(1)
    (told,) = desk.wait_for_answers([question])
    ((_, number, _),) = desk.outcomes(question)
    forged_id = f"{told.message_id[:50]}{'a' * 8}{told.message_id[58:]}"
    colleague, another, stranger = (desk.new_sender() for _ in range(3))
    sent = [
        desk.answer(colleague, IT, in_reply_to=told.message_id),
        desk.answer(another, IT, subject=f"Re: {told.subject}"),
        desk.answer(stranger, IT, in_reply_to=forged_id),
        desk.answer(stranger, IT, subject=f"Re: C-{number:06d}"),
    ]

    desk.wait_for_answers(sent[2:])  # the others, who have no part in the call, are told nothing of it
    wait_for(lambda: desk.logged(sent) == len(sent), "each of them in the desk")

    outcomes = desk.outcomes(*sent)
    assert outcomes[:2] == [("item-updated", number, None)] * 2
    assert [(outcome, linked_to) for outcome, _, linked_to in outcomes[2:]] == [("call-logged", number)] * 2
