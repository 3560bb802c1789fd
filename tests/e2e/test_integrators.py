"""docs/integrate.md: its examples are run as they stand there, and what it says of wrong records is so."""

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat

from deploy.local.packages.debian import find_kcat
from deploy.local.pipeline import retry_while_starting
from deploy.local.ports import wait_until
from deploy.local.servers.smtp_sink import CapturedMail, SmtpSink
from desk.engine import open_desk
from desk.migrate import upgrade
from outbound.config import OutboundConfig
from runtime.kafka.clients import make_admin, make_producer
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import read_to_end
from runtime.kafka.topic_setup import create_topics
from schemas.desk_commands import TaskToCreate
from schemas.events import NotificationResult
from schemas.fetched import open_fetched
from schemas.ids import mail_id
from schemas.persons import Person
from schemas.settings import EmailOptions, Format, MessageTemplate, OutgoingServer, Partition, Setting
from schemas.topics import (
    DESK_REQUESTED,
    MAIL_FETCHED,
    NOTIFICATION_REQUESTED,
    NOTIFICATION_RESULTS,
    PERSONS,
    SETTINGS,
    Topic,
)
from schemas.wire import Record, decode, encode
from tests.conftest import delete_topics

pytestmark = pytest.mark.debian

SECONDS = 60
ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/integrate.md").read_text("utf-8")
REFUSED = "nobody@desk.example"


def blocks(heading: str) -> list[str]:
    """The code blocks of a section, in their order. A heading that is not there fails."""
    _, found_heading, rest = PAGE.partition(f"\n## {heading}\n")
    assert found_heading, heading
    section = rest.partition("\n## ")[0]
    found = re.findall(r"(?:^    .*\n|^\n(?=(?:\n)*    ))+", section, re.MULTILINE)
    return ["\n".join(line[4:] for line in block.strip("\n").split("\n")) for block in found]


TOLD_BY_KCAT, TOLD_BY_PYTHON, TEMPLATE = blocks("Have somebody told by mail")
(RUNNING_ON,) = blocks("Publish from a program that runs on")
_TOPIC = re.compile(r'(?<!ce_type=)(?<!ce_type", b")\bmailcall\.(?=[a-z])')  # of a topic's name, not of a record's type


@dataclass(frozen=True)
class Sending:
    """A running outbound, and the sink that it sends to."""

    config: OutboundConfig
    sink: SmtpSink

    def here(self, example: str) -> str:
        """The example, with this broker and these topics."""
        prefixed = _TOPIC.sub(f"{self.config.topic_prefix}.", example)
        return prefixed.replace("broker:9092", self.config.kafka_bootstrap_servers)

    def shell(self, example: str, directory: Path) -> str:
        """What it prints."""
        find_kcat()
        command = ["bash", "-euo", "pipefail", "-c", self.here(example)]
        return subprocess.run(
            command, cwd=directory, capture_output=True, text=True, timeout=SECONDS, check=True
        ).stdout

    def records(self, topic: Topic, *, dead: bool = False) -> list[Record]:
        prefix = self.config.topic_prefix
        return list(read_to_end(self.config, [topic.dlq(prefix) if dead else topic.name(prefix)]))

    def only(self, topic: Topic) -> Any:
        """The one value on a topic."""
        (record,) = self.records(topic)
        return decode(topic, record)[1]

    def results(self, id_: str) -> list[NotificationResult]:
        found = [decode(NOTIFICATION_RESULTS, record)[1] for record in self.records(NOTIFICATION_RESULTS)]
        return [one for one in found if one.notification_id == id_]

    def mail_to(self, address: str, subject: str) -> tuple[CapturedMail, EmailMessage]:
        mails = [(mail, message_from_bytes(mail.raw, policy=policy.default)) for mail in self.sink.messages]
        ((mail, message),) = [one for one in mails if address in one[0].recipients and subject in one[1]["Subject"]]
        assert isinstance(message, EmailMessage)
        return mail, message


@pytest.fixture(scope="module")
def sending(kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sending]:
    directory = tmp_path_factory.mktemp("sending")
    config = OutboundConfig(
        kafka_bootstrap_servers=kafka_bootstrap,
        topic_prefix=f"t-{uuid.uuid4().hex[:12]}",
        desk_url=f"sqlite:///{directory / 'desk.db'}",
    )
    retry_while_starting(lambda: create_topics(config))
    engine = open_desk(config.desk_url)
    upgrade(engine)
    engine.dispose()
    values = {
        f"MAILCALL_{name.upper()}": str(getattr(config, name))
        for name in ("kafka_bootstrap_servers", "topic_prefix", "desk_url")
    }
    with SmtpSink() as sink:
        sink.replies[REFUSED] = "550 5.1.1 no such mailbox"
        retry_while_starting(lambda: publish(config, *settings(sink)))
        process = subprocess.Popen(
            [sys.executable, "-m", "outbound"], env=os.environ | values, stderr=subprocess.DEVNULL
        )
        try:
            yield Sending(config, sink)
        finally:
            process.kill()
            process.wait()
            delete_topics(kafka_bootstrap, config.topic_prefix)


def settings(sink: SmtpSink) -> list[Setting]:
    server = OutgoingServer.model_validate(
        {"id": "out", "host": "127.0.0.1", "port": sink.port, "security": "none", "from_address": "it@desk.example"}
    )
    fields = re.findall(r'(\w+): (?:"([^"]*)"|([\w-]+))', TEMPLATE)
    template = MessageTemplate.model_validate({name: quoted or word for name, quoted, word in fields})
    it = Partition(id="it", impacts=("a",), urgencies=("b",), priorities=("P1",), priority_matrix={"a": {"b": "P1"}})
    return [server, template, it, EmailOptions(default_outgoing_server="out", message_format_per_person=True)]


def publish(config: OutboundConfig, *values: Setting) -> None:
    now = datetime.now(UTC)
    messages = [encode(SETTINGS, f"{one.kind}/{one.id}", one, id=one.id, source="/test", time=now) for one in values]
    with closing(Publisher(config, "settings")) as publisher:
        publisher.publish(messages)


def test_kcat_has_somebody_told_and_waits_for_what_became_of_it(sending: Sending, tmp_path: Path) -> None:
    told = sending.shell(TOLD_BY_KCAT, tmp_path)

    id_, _, value = told.splitlines()[0].partition(" ")
    result = NotificationResult.model_validate_json(value)
    assert (result.notification_id, result.recipient, result.outcome) == (id_, "ida@desk.example", "sent")
    (asked,) = [one for one in sending.records(NOTIFICATION_REQUESTED) if ("ce_id", id_.encode()) in one.headers]
    is_a_cloud_event_of(NOTIFICATION_REQUESTED, asked)
    _, message = sending.mail_to("ida@desk.example", "Backup of files-01 failed")
    assert "It failed at 03:12: disk full." in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_python_has_several_told_by_a_template_and_waits_for_each(
    sending: Sending, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(sending.here(TOLD_BY_PYTHON), "docs/integrate.md", "exec"), {})

    everybody = {"ida@desk.example", "noor@desk.example", "archive@desk.example"}
    assert {tuple(line.split()[:2]) for line in capsys.readouterr().out.splitlines()} == {
        (to, "sent") for to in everybody
    }
    mail, message = sending.mail_to("archive@desk.example", "Backup of files-01 failed")
    assert set(mail.recipients) == everybody
    assert (message["To"], message["Cc"]) == ("ida@desk.example", "noor@desk.example")
    assert b"archive@desk.example" not in mail.raw
    assert "It failed: disk full." in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_the_other_kcat_commands_write_what_their_topics_hold(sending: Sending, tmp_path: Path) -> None:
    (tmp_path / "mail.eml").write_bytes(b"From: ursula@example.com\r\nSubject: Help\r\n\r\nOne\r\n\r\nTwo\r\n")

    sending.shell(blocks("Bring in a message")[0], tmp_path)
    sending.shell(blocks("Ask the desk")[0], tmp_path)
    sending.shell(blocks("Feed persons from a CMDB")[0], tmp_path)

    (fetched,) = sending.records(MAIL_FETCHED)
    assert open_fetched(fetched).server_id == "it-mailbox"
    assert open_fetched(fetched).mail_id == mail_id("it-mailbox", fetched.value or b"")
    assert fetched.value == (tmp_path / "mail.eml").read_bytes()
    task = sending.only(DESK_REQUESTED)
    assert isinstance(task, TaskToCreate)
    assert (task.request_id, task.linked_to) == ("webshop/order-7/unpack", "C-000123")
    person = sending.only(PERSONS)
    assert isinstance(person, Person)
    assert (person.id, person.email_format) == ("ursula", Format.TEXT)
    for topic in (MAIL_FETCHED, DESK_REQUESTED, PERSONS):
        (record,) = sending.records(topic)
        is_a_cloud_event_of(topic, record)


def is_a_cloud_event_of(topic: Topic, record: Record) -> None:
    """For the official SDK."""
    headers = {name: value for name, value in record.headers if value is not None}
    event = from_binary(KafkaMessage(headers, record.key, record.value or b""), JSONFormat())
    assert (event.get_specversion(), event.get_type()) == ("1.0", topic.event_type)
    assert event.get_id().encode() == headers["ce_id"]  # the SDK makes one up where there is none
    assert event.get_source().startswith("/")


def test_a_program_goes_on_after_a_record_that_the_broker_refused(sending: Sending, topic_prefix: str) -> None:
    elsewhere = Sending(sending.config.model_copy(update={"topic_prefix": topic_prefix}), sending.sink)
    # Less than the client's own limit, which would keep the record from the broker.
    accepts = {"num_partitions": 2, "replication_factor": 1, "configs": {"max.message.bytes": "100000"}}
    with closing(make_admin(elsewhere.config)) as admin:
        admin.create_topics({DESK_REQUESTED.name(topic_prefix): accepts})
    sent = [
        (b"monitoring/before", b"{}"),
        (b"monitoring/too-large", b"{" + b" " * 200_000 + b"}"),
        *((b"monitoring/after-%d" % number, b"{}") for number in range(3)),
    ]
    names: dict[str, Any] = {"requests": sent}

    exec(compile(elsewhere.here(RUNNING_ON), "docs/integrate.md", "exec"), names)

    assert [(key, type(error).__name__) for key, error in names["refused"]] == [
        (b"monitoring/too-large", "MessageSizeTooLargeError")
    ]
    arrived = elsewhere.records(DESK_REQUESTED)
    assert {record.key for record in arrived} == {key for key, _ in sent} - {b"monitoring/too-large"}
    assert len(arrived) == len(sent) - 1
    for record in arrived:
        is_a_cloud_event_of(DESK_REQUESTED, record)


def asked(**changes: Any) -> dict[str, Any]:
    """The smallest record; a field that is None is left out."""
    value = {
        "notification_id": uuid.uuid4().hex,
        "recipient": "ida@desk.example",
        "event": "BackupFailed",
        "subject": "Private words",
        "text": "Private words",
        "requested_at": datetime.now(UTC).isoformat(),
    } | changes
    return {name: held for name, held in value.items() if held is not None}


def send(sending: Sending, value: bytes, *headers: tuple[str, bytes]) -> bytes:
    """Publishes as an integrator does; the id that the record is found by."""
    id_ = uuid.uuid4().hex.encode()
    producer = make_producer(sending.config, "integrator")
    topic = NOTIFICATION_REQUESTED.name(sending.config.topic_prefix)
    producer.send(topic, key=b"ida@desk.example", value=value, headers=[("ce_id", id_), *headers]).get(SECONDS)
    producer.close()
    return id_


WITHOUT_TEXT = {"subject": None, "text": None}


@pytest.mark.parametrize(
    ("changes", "reason", "named"),
    [
        ({"notification_id": "backup-1"}, "wrong-schema", "notification_id"),
        ({"notification_id": "A" * 32}, "wrong-schema", "notification_id"),
        ({"recipient": "ida"}, "wrong-schema", "recipient"),
        ({"bcc": ["a@b.example\r\nRCPT TO:<x@y.example>"]}, "wrong-schema", "bcc"),
        ({"subject": "Private words\r\nBcc: x@y.example"}, "wrong-schema", "subject"),
        ({"event": "Backup\nFailed"}, "wrong-schema", "event"),
        ({"event": None}, "wrong-schema", "event"),
        ({"data": {"n": 1}}, "wrong-schema", "data"),
        ({"event": "NobodyMadeOne", **WITHOUT_TEXT}, "unknown-template", "NobodyMadeOne"),
        ({"event": "NobodyMadeOne", "text": None}, "unknown-template", "NobodyMadeOne"),
        ({"data": {"host": "files-01"}, **WITHOUT_TEXT}, "unknown-template", "backup-failed"),
    ],
)
def test_what_is_wrong_comes_back_as_a_dead_letter_with_its_reason(
    sending: Sending, changes: dict[str, Any], reason: str, named: str
) -> None:
    value = json.dumps(asked(**changes)).encode()

    dead = dead_letter(sending, send(sending, value), value)

    assert dead["dlq-error-class"] == reason
    assert named in dead["dlq-error-message"]
    assert "Private" not in dead["dlq-error-message"]


def test_what_is_no_json_comes_back_as_a_dead_letter(sending: Sending) -> None:
    assert dead_letter(sending, send(sending, b"disk full"), b"disk full")["dlq-error-class"] == "wrong-schema"


@pytest.mark.parametrize(
    ("type_", "reason"),
    [(b"mailcall.mail.fetched.v1", "wrong-type"), (b"mailcall.notification.requested.v9", "unknown-version")],
)
def test_a_record_of_another_type_comes_back_as_a_dead_letter(sending: Sending, type_: bytes, reason: str) -> None:
    value = json.dumps(asked()).encode()
    assert dead_letter(sending, send(sending, value, ("ce_type", type_)), value)["dlq-error-class"] == reason


def dead_letter(sending: Sending, id_: bytes, value: bytes) -> dict[str, str]:
    """Headers of the dead letter, which has the record's own key and value."""

    def found() -> list[Record]:
        dead = sending.records(NOTIFICATION_REQUESTED, dead=True)
        return [record for record in dead if ("ce_id", id_) in list(record.headers)]

    assert wait_until(lambda: bool(found()), SECONDS), "no dead letter has come"
    (record,) = found()
    assert (record.key, record.value) == (b"ida@desk.example", value)
    return {name: (held or b"").decode() for name, held in record.headers}


def test_one_that_the_server_refuses_has_a_result_of_its_own(sending: Sending) -> None:
    value = asked(cc=[REFUSED])
    send(sending, json.dumps(value).encode())

    assert wait_until(lambda: len(sending.results(value["notification_id"])) == 2, SECONDS), "not both have a result"

    told = {
        one.recipient: (one.outcome, one.reason, one.smtp_reply[:9])
        for one in sending.results(value["notification_id"])
    }
    assert told["ida@desk.example"][:2] == ("sent", None)
    assert told[REFUSED] == ("failed", "recipient-refused", "550 5.1.1")
