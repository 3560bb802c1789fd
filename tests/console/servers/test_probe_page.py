"""The probe from the window: which servers, checked first; then a job that does what the command does."""

from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from console.jobs import pages as jobs
from console.jobs.kinds import BY_NAME
from tests.console.servers.administration import SUBJECTS, Administration
from tests.console.web.signed_in import ADMINISTRATOR, browser, window

PROBE = "/email-settings/servers/outgoing/it-outgoing/probe"


class Started:
    """In the place of the jobs: what was started."""

    def __init__(self) -> None:
        self.given: list[tuple[str, dict[str, Any], str]] = []

    def start(self, kind: str, given: dict[str, Any], who: str, _of: int | None = None) -> SimpleNamespace:
        self.given.append((kind, given, who))
        return SimpleNamespace(id="j1")


@pytest.fixture
def started() -> Started:
    return Started()


@pytest.fixture
def client(administration: Administration, started: Started) -> TestClient:
    administration.services.jobs = started
    return browser(window(administration.services, ADMINISTRATOR, (*SUBJECTS, jobs)))


def test_a_probe_is_started_to_the_mailbox_that_the_incoming_server_reads(client: TestClient, started: Started) -> None:
    assert f'href="{PROBE}"' in client.get("/email-settings/servers/outgoing/it-outgoing").text
    assert "/probe" not in client.get("/email-settings/servers/incoming/it-mailbox").text
    assert '<option value="it-mailbox">' in client.get(PROBE).text
    answers = [client.post(PROBE, data={"incoming": "it-mailbox", "to": to}) for to in ("", "other@desk.example")]
    assert [answer.headers["location"] for answer in answers] == ["/operations/jobs/j1"] * 2
    servers = {"outgoing": "it-outgoing", "incoming": "it-mailbox"}
    assert [(kind, who) for kind, _, who in started.given] == [("probe", ADMINISTRATOR.name)] * 2
    assert [given for _, given, _ in started.given] == [
        {**servers, "to": "it@desk.example"},
        {**servers, "to": "other@desk.example"},
    ]
    assert "probe" in BY_NAME


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"incoming": "", "to": ""}, "Incoming server: Choose the one"),
        ({"incoming": "gone", "to": ""}, "Incoming server: Choose the one"),
        ({"incoming": "it-mailbox", "to": "no address"}, "To Address: "),
        ({"incoming": "bare", "to": ""}, "do not say its mailbox"),
    ],
)
def test_what_cannot_be_probed_is_told_at_its_field(
    client: TestClient, administration: Administration, started: Started, typed: dict[str, str], told: str
) -> None:
    known = administration.setting("incoming-server/it-mailbox")
    administration.put("incoming-server/bare", known.model_copy(update={"id": "bare", "username": "bare"}))
    answer = client.post(PROBE, data=typed)
    assert answer.status_code == 422 and told in answer.text
    assert f'value="{typed["to"]}"' in answer.text
    assert started.given == []


def test_only_outgoing_servers_that_are_there_are_probed(client: TestClient) -> None:
    assert client.get("/email-settings/servers/outgoing/gone/probe").status_code == 404
    assert client.get("/email-settings/servers/outgoing/it-mailbox/probe").status_code == 404
