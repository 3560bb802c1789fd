"""The jobs, as children of their own over a real broker and a real desk."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.audit.reconcile_mails import reconcile
from console.config import ConsoleConfig
from console.jobs.jobs import Job, Jobs
from console.web.config import WindowConfig
from deploy.local.ports import wait_until
from outbound.server_test import probe_mail
from runtime.kafka.producer import Publisher
from schemas.servers import ServerTest, ServerTestResult
from schemas.servers import TestStep as Step  # by its own name pytest would collect it
from schemas.settings import OutgoingServer
from tests.console.answering import Answering
from tests.console.conftest import DEMO, Mailcall, fetched, mail
from tests.console.views.following import Told

pytestmark = [pytest.mark.broker, pytest.mark.timeout(240)]

SECONDS = 90.0
SERVER = OutgoingServer(id="it-outgoing", from_address="it@desk.example")
OWN = b"From: it@desk.example\r\nAuto-Submitted: auto-generated\r\nSubject: ours\r\n\r\nHello\r\n"


@pytest.fixture
def jobs(config: ConsoleConfig) -> Iterator[Jobs]:
    """As the window has them, whose configuration knows more than a job's."""
    with closing(Jobs(WindowConfig(**config.model_dump()), Told())) as jobs:
        yield jobs


def run_job(jobs: Jobs, kind: str, **given: object) -> Job:
    job = jobs.wait(jobs.start(kind, given, "ann").id, SECONDS)
    assert job is not None
    return job


def test_a_mail_that_is_a_persons_today_is_found_and_sent_on(
    run: Mailcall,
    config: ConsoleConfig,
    publisher: Publisher,
    start_stages: Callable[[], None],
    jobs: Jobs,
    tmp_path: Path,
) -> None:
    assert run("apply", DEMO).code == 0
    publisher.publish([fetched(OWN), fetched(mail(1))])
    waiting = run_job(jobs, "reconcile")
    assert waiting.state == "done" and waiting.result is not None
    assert waiting.result["balanced"]
    assert waiting.result["mails"]["outcomes"]["on-the-way"] == 2
    start_stages()
    assert wait_until(lambda: reconcile(config).on_the_way == 0, SECONDS)
    other = tmp_path / "other.yaml"
    other.write_text(DEMO.read_text().replace("from_address: it@desk.example", "from_address: other@desk.example"))
    assert run("apply", other).code == 0
    now = datetime.now(UTC)
    period = {"since": (now - timedelta(hours=1)).isoformat(), "until": (now + timedelta(hours=1)).isoformat()}

    found = run_job(jobs, "replay", **period, server="")
    assert found.state == "done" and found.result is not None
    assert (found.result["mails"], found.result["differ"], found.result["persons_today"]) == (2, 1, 1)
    assert found.result["differences"][0]["field"] == "verdict"
    sent = run_job(jobs, "send-on", **period, places=found.result["places"])
    assert sent.result == {"sent": 1}
    assert wait_until(lambda: reconcile(config).outcomes["call-logged"] == 2, SECONDS)


def test_a_probe_is_sent_and_what_came_back_of_it_compared(
    run: Mailcall, config: ConsoleConfig, publisher: Publisher, jobs: Jobs
) -> None:
    assert run("apply", DEMO).code == 0

    def outbound_and_ingest(test: ServerTest) -> ServerTestResult:
        sent = probe_mail(test, SERVER, datetime.now(UTC))
        publisher.publish([fetched(b"Received: from a by b\r\n" + sent)])
        steps = (Step(step="send to it@desk.example", ok=True, status="the server took the mail"),)
        return ServerTestResult(test_id=test.test_id, ok=True, steps=steps, sent=sent.decode())

    with Answering(config, outbound_and_ingest) as both:
        job = run_job(jobs, "probe", outgoing="it-outgoing", incoming="it-mailbox", to="it@desk.example")
    [asked] = both.requests
    assert (asked.server_id, asked.to, asked.probe) == ("it-outgoing", ("it@desk.example",), True)
    assert job.state == "done" and job.result is not None
    assert [step["step"] for step in job.result["steps"]] == ["send to it@desk.example"]
    assert {row["what"]: row["outcome"] for row in job.result["rows"]}["the mail as a whole"] == "all of it as sent"

    gone = run_job(jobs, "probe", outgoing="gone", incoming="it-mailbox", to="it@desk.example")
    assert gone.state == "failed" and gone.failure is not None and "deleted meanwhile" in gone.failure[0]


def test_what_is_wrong_with_what_was_asked_is_told(run: Mailcall, jobs: Jobs) -> None:
    assert run("apply", DEMO).code == 0
    moment = datetime.now(UTC).isoformat()
    job = run_job(jobs, "replay", since=moment, until=moment, server="nowhere")

    assert job.state == "failed" and job.failure is not None
    assert "nowhere" in job.failure[0]
    assert "it-mailbox" in job.failure[1]
