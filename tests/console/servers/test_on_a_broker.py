"""Testing and saving a server over the real broker and its followers, also where the broker goes away meanwhile."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from console.access.rights import Identity, Right
from console.audit.history import read_history
from console.config import ConsoleConfig
from console.live import pages as live
from console.servers import pages as servers_pages
from console.services import Services
from console.settings.file_reading import read_settings_file
from console.settings.state import read_state
from console.web import home
from deploy.local.ports import wait_until
from logger.db.persons import write_persons
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import read_to_end
from runtime.outages import OutageError
from runtime.security.sealing import make_keys, unseal
from schemas.reasons import Reason
from schemas.servers import ServerTest, ServerTestResult
from schemas.servers import TestStep as Step  # by its own name pytest would collect it
from schemas.settings import IncomingServer
from schemas.topics import SERVER_TESTS, SETTINGS
from tests.console.answering import Answering
from tests.console.servers.administration import CANARY, DEMO, filled
from tests.console.test_saving import Cut
from tests.console.web.signed_in import ADMINISTRATOR, browser, window

Mailcall = Callable[..., Any]
UPDATE = "/email-settings/servers/incoming/it-mailbox/update"
REVIEW = "/email-settings/review"
BOB = Identity("2", "Bob", frozenset(Right))
SUBJECTS = (home, live, servers_pages)


@pytest.fixture
def services(servers: Mailcall, config: ConsoleConfig, tmp_path: Path) -> Iterator[Services]:
    """The window's, where the demo is set up."""
    make_keys(tmp_path / "key")
    stop = threading.Event()
    made = Services(config.model_copy(update={"public_key_file": tmp_path / "key.pub"}))
    with made.engine.begin() as connection:
        write_persons(connection, list(read_settings_file(DEMO).persons.values()))
    made.follow(stop)
    assert made.views.wait_ready(30)
    yield made
    stop.set()
    made.close()


class Deaf:
    """A publisher whose broker takes everything, and goes away before it has said so."""

    def __init__(self, real: Publisher) -> None:
        self._real = real
        self._left = 2  # history and settings

    def publish(self, messages: Sequence[Any]) -> None:
        self._real.publish(messages)
        self._left -= 1
        if self._left == 0:
            raise OutageError(Reason.BROKER_AWAY, "the Kafka broker cannot be reached")

    def close(self) -> None:
        self._real.close()


def fine(test: ServerTest) -> ServerTestResult:
    step = Step(step="connect", ok=True, status="connected to imap.example:993, TLS 1.3")
    return ServerTestResult(test_id=test.test_id, ok=True, steps=(step,), subject="Printer 4711")


@pytest.mark.broker
@pytest.mark.timeout(120)
def test_what_is_shown_is_tested_and_nothing_of_it_saved(
    config: ConsoleConfig,
    services: Services,
    tmp_path: Path,
) -> None:
    client = browser(window(services, ADMINISTRATOR, SUBJECTS))
    before = list(read_to_end(config, [SETTINGS.name(config.topic_prefix)]))
    with Answering(config, fine) as ingest:
        typed = {"host": "imap.example", "password__secret": CANARY, "default_logging_analyst": "henry"}
        shown = client.post(UPDATE, data={**filled(client.get(UPDATE).text, UPDATE, **typed), "do": "test"})
        assert shown.headers["location"] == "/email-settings/test", shown.text
        ran = client.post("/email-settings/test", data={"marker": "4711"}).headers["location"]
        assert wait_until(lambda: "The test passed" in client.get(ran).text, 30)

    text = client.get(ran).text
    assert "connected to imap.example:993, TLS 1.3" in text and "Printer 4711" in text
    [request] = ingest.requests
    assert isinstance(request.server, IncomingServer)
    assert (request.server_id, request.server.host, request.marker) == ("it-mailbox", "imap.example", "4711")
    assert request.server.password is not None
    assert unseal(request.server.password.sealed or "", tmp_path / "key") == CANARY
    asked = read_to_end(config, [SERVER_TESTS.name(config.topic_prefix)])
    assert all(CANARY.encode() not in (record.value or b"") for record in asked)
    assert list(read_to_end(config, [SETTINGS.name(config.topic_prefix)])) == before


@pytest.mark.broker
@pytest.mark.timeout(120)
@pytest.mark.parametrize("answers_lost", [True, False], ids=["saved", "cut off"])
def test_a_broker_that_goes_away_in_mid_save_is_told_and_saving_again_completes_it(
    services: Services, answers_lost: bool
) -> None:
    client = browser(window(services, ADMINISTRATOR, SUBJECTS))
    real = services.publisher
    client.post(UPDATE, data={**filled(client.get(UPDATE).text, UPDATE, poll_seconds="30"), "do": "save"})
    services.__dict__["publisher"] = Deaf(real) if answers_lost else Cut(real, 1)
    failed = client.post(REVIEW, data={"change_reason": "typed once"})
    services.__dict__["publisher"] = real

    server = read_state(services.config).settings.incoming_server("it-mailbox")
    assert server is not None and (server.poll_seconds == 30) is answers_lost
    if answers_lost:  # the window has seen it come
        assert failed.headers["location"] == "/email-settings"
    else:
        assert failed.status_code == 422 and "It is not known whether it was done" in failed.text
        assert "Nothing was saved" not in failed.text and "typed once" in failed.text
        assert client.post(REVIEW, data={"change_reason": "typed once"}).status_code == 303
    server = read_state(services.config).settings.incoming_server("it-mailbox")
    assert server is not None and server.poll_seconds == 30
    assert [past.who for past in read_history(services.config) if past.change_reason == "typed once"]


@pytest.mark.broker
@pytest.mark.timeout(120)
def test_of_two_administrators_the_second_is_told_and_nothing_is_lost(services: Services) -> None:
    ada, bob = (browser(window(services, who, SUBJECTS)) for who in (ADMINISTRATOR, BOB))
    for client, typed in ((ada, {"poll_seconds": "30"}), (bob, {"folder": "Desk"})):
        client.post(UPDATE, data={**filled(client.get(UPDATE).text, UPDATE, **typed), "do": "save"})
    assert ada.post(REVIEW, data={}).status_code == 303
    refused = bob.post(REVIEW, data={})

    assert refused.status_code == 409 and ADMINISTRATOR.name in refused.text
    server = read_state(services.config).settings.incoming_server("it-mailbox")
    assert server is not None and (server.poll_seconds, server.folder) == (30, "INBOX")
    bob.post(REVIEW, data={"rebase": "yes"})
    assert bob.post(REVIEW, data={}).status_code == 303
    server = read_state(services.config).settings.incoming_server("it-mailbox")
    assert server is not None and (server.poll_seconds, server.folder) == (30, "Desk")
