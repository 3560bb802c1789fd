"""One mail through the real processes is one trace, with its stages in their order and nothing of the mail."""

from pathlib import Path

import pytest

from deploy.local.demo.settings import PASSWORD
from deploy.local.servers.mail_host import MailHost
from runtime.kafka.topic_reader import read_to_end
from schemas.topics import MAIL_FETCHED, MAIL_RESOLVED, NOTIFICATION_REQUESTED
from tests.desks import new_desk
from tests.e2e.running import HR, IT, running_desk
from tests.otlp import receiver

STAGES = (
    ("ingest", "send t.mail.fetched.v1"),
    ("resolver", "process t.mail.fetched.v1"),
    ("logger", "process t.mail.resolved.v1"),
    ("outbound", "process t.notification.requested.v1"),
    ("outbound", "send mail"),
    ("logger", "process t.notification.results.v1"),
)


@pytest.mark.timeout(180)
def test_a_mail_is_one_trace_from_ingest_to_smtp(kafka_bootstrap: str, mail_host: MailHost, tmp_path: Path) -> None:
    desk_url = new_desk(tmp_path / "desk.db")
    for address in (IT, HR):
        mail_host.add_account(address, PASSWORD)
    with (
        receiver() as collector,
        running_desk(tmp_path, kafka_bootstrap, desk_url, mail_host, environment=collector.environment) as desk,
    ):
        config = desk.pipeline.config
        (sent,) = desk.send(1)
        desk.wait_for_answers([sent])
        fetched, *_ = read_to_end(config, [MAIL_FETCHED.name(config.topic_prefix)])
        mail_id = dict(fetched.headers)["ce_id"].decode()
        expected = [(service, name.replace("t.", f"{config.topic_prefix}.", 1)) for service, name in STAGES]
        spans = collector.wait_for([name for _, name in expected], mail_id)
        topics = (MAIL_FETCHED, MAIL_RESOLVED, NOTIFICATION_REQUESTED)
        places = {
            topic.name(config.topic_prefix): list(read_to_end(config, [topic.name(config.topic_prefix)]))
            for topic in topics
        }
    desk.pipeline.delete_topics()

    assert [(span.service, span.name) for span in spans] == expected
    fetch, resolve, log, notify, smtp, told = spans
    parents = {fetch.id: "", resolve.id: fetch.id, log.id: resolve.id, notify.id: log.id}
    assert {span.id: span.parent for span in spans} == parents | {smtp.id: notify.id, told.id: notify.id}
    for span, (topic, (record, *_)) in zip((resolve, log, notify), places.items(), strict=True):
        names = ("messaging.destination.name", "messaging.destination.partition.id", "messaging.kafka.offset")
        assert [span.attributes[name] for name in names] == [topic, str(record.partition), record.offset]
        assert span.attributes["mailcall.outcome"] == "ok"
    assert (smtp.attributes["mailcall.outcome"], smtp.is_error) == ("sent", False)
    everything = b"".join(collector.raw)
    for secret in (sent.sender, sent.message_id, IT, HR, "Please help", "My screen", "Somebody", "C-0000"):
        assert secret.encode() not in everything
