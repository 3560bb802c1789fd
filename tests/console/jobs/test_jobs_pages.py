"""The pages of jobs: started by a form, watched, cancelled; results by right."""

import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from console.access.rights import Identity, Right
from console.config import ConsoleConfig
from console.health.sample import Sample
from console.health.sampler import Traffic
from console.jobs.jobs import Jobs
from console.views.snapshot import ViewSnapshot
from console.views.views import Freshness
from schemas.settings import IncomingServer
from schemas.snapshot import SettingsSnapshot
from tests.console.jobs.test_jobs import FAILS, HEAD, WAITS
from tests.console.live.window import client, services
from tests.console.views.following import SECONDS, Told
from tests.console.web.signed_in import ADMINISTRATOR

HERE = "/operations/jobs"
PERIOD = {"since": "2026-11-28 08:00", "until": "2026-11-29 08:00", "server": ""}
OUTCOMES = "{'call-logged': 3, 'missing': 1}"
WRONG = "[{'mail_id': '<b>m1</b>', 'end': 'missing', 'detail': 'gone'}]"
RECONCILED = (
    HEAD
    + f"""
part = {{'balanced': False, 'mails': 4, 'notifications': 0, 'records': 5, 'outcomes': {OUTCOMES}, 'wrong': {WRONG}}}
part['wrong_in_all'] = 1
tell(result={{'balanced': False, 'mails': part, 'notifications': {{**part, 'wrong': [], 'wrong_in_all': 0}}}})
"""
)
REPLAYED = (
    HEAD
    + """
found = {'mail_id': 'm1', 'field': 'verdict', 'then': 'rejected', 'now': '<i>person</i>'}
places = asked['given'].get('places')
tell(result={'sent': len(places)} if places else {'mails': 9, 'differ': 1, 'undecided': 0, 'persons_today': 2,
     'differences': [found], 'places': [[0, 1], [3, 4]], 'stored_since': None})
"""
)
PROBED = (
    HEAD
    + """
rows = [{'what': 'Subject', 'outcome': 'as sent', 'came': ''}, {'what': 'To', 'outcome': 'changed', 'came': '<i>x</i>'}]
steps = [{'step': 'log in', 'ok': True, 'status': 'logged in'}]
tell(result={'note': '', 'steps': steps, 'rows': rows if asked['given']['to'] == 'it@desk.example' else []})
"""
)
SYSTEM_ONLY = Identity("2", "Sam", frozenset((Right.SYSTEM_SET_UP,)))
OF_IT = Identity("4", "Ivo", frozenset(Right), frozenset({"it"}), frozenset({"it"}))
MAIL_ONLY = Identity("3", "Mia", frozenset((Right.HELD_MAIL,)))


class Window:
    """Jobs that run a script, and who looks at them."""

    def __init__(self, script: str) -> None:
        self.jobs = Jobs(ConsoleConfig(), Told(), (sys.executable, "-c", script))
        settings = SettingsSnapshot({"incoming-server/it": _server()})
        views = SimpleNamespace(current=ViewSnapshot(settings), freshness=Freshness(True, None))
        last = Sample(datetime.now(UTC), kept={"mail.fetched": 40, "mail.rejected": 2, "settings": 1_000})
        sampler = SimpleNamespace(current=Traffic((last,)))
        self._services = services(jobs=self.jobs, views=views, sampler=sampler)

    def browser(self, identity: Identity = ADMINISTRATOR) -> TestClient:
        return client(self._services, identity)

    def start(self, kind: str, **form: str) -> str:
        """The path of its page, once it has ended or waits."""
        answer = self.browser().post(f"{HERE}/{kind}", data=form)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    def ended(self, path: str, identity: Identity = ADMINISTRATOR) -> str:
        job = self.jobs.wait(path.rpartition("/")[2], SECONDS)
        assert job is not None and not job.running
        return str(self.browser(identity).get(path).text)


def _server() -> IncomingServer:
    return IncomingServer.model_validate(
        {
            "id": "it",
            "name": "IT mailbox",
            "protocol": "imap",
            "username": "it@desk.example",
            "call_template": "it",
            "default_logging_analyst": "ida",
        }
    )


@pytest.fixture
def window(request: pytest.FixtureRequest) -> Iterator[Window]:
    made = Window(getattr(request, "param", WAITS))
    with closing(made.jobs):
        yield made


def test_a_running_job_is_shown_with_its_progress_and_can_be_cancelled(window: Window) -> None:
    path = window.start("reconcile")
    browser = window.browser()
    (job,) = window.jobs.all()

    assert job.of == 42  # records of the topics that it reads
    text = browser.get(path).text
    assert "<progress" in text and "Cancel" in text and "Ada" in text
    assert "<progress" in browser.get(f"{path}/part").text
    assert "running" in browser.get(HERE).text
    again = browser.post(f"{HERE}/reconcile")
    assert again.headers["location"] == HERE
    assert "is running already, started by Ada" in browser.get(HERE).text
    assert browser.post(f"{path}/cancel").status_code == 303
    assert "cancelled" in window.ended(path)


@pytest.mark.parametrize("window", [RECONCILED], indirect=True)
def test_a_balance_is_shown_with_what_is_missing(window: Window) -> None:
    text = window.ended(window.start("reconcile"))

    assert "Out of balance" in text
    assert "Call logged" in text and "Missing" in text
    assert "&lt;b&gt;m1" in text and "<b>m1" not in text


@pytest.mark.parametrize("window", [FAILS], indirect=True)
def test_what_went_wrong_is_told_with_its_remedy(window: Window) -> None:
    text = window.ended(window.start("replay", **PERIOD))

    assert "No such server" in text and "Name another" in text


@pytest.mark.parametrize("window", [REPLAYED], indirect=True)
def test_what_a_replay_found_is_sent_on_and_nothing_else(window: Window) -> None:
    path = window.start("replay", **PERIOD)
    text = window.ended(path)
    assert "would be decided otherwise" in text
    assert "&lt;i&gt;person" in text and "<i>person" not in text

    sent = window.start("send-on", replay=path.rpartition("/")[2])
    assert "Sent on: 2" in window.ended(sent)
    given = window.jobs.all()[0].given
    assert given["places"] == [[0, 1], [3, 4]]
    for nothing in ("", "unknown", sent.rpartition("/")[2]):
        assert window.browser().post(f"{HERE}/send-on", data={"replay": nothing}).status_code == 409


@pytest.mark.parametrize("window", [REPLAYED], indirect=True)
def test_mails_are_named_to_whoever_may_see_mails_only(window: Window) -> None:
    path = window.start("replay", **PERIOD)
    window.ended(path)
    text = window.ended(path, SYSTEM_ONLY)

    assert "m1" not in text and "Send on" not in text
    assert "Held Mail" in text
    browser = window.browser(SYSTEM_ONLY)
    assert browser.post(f"{HERE}/replay", data=PERIOD).status_code == 403
    assert browser.post(f"{HERE}/send-on", data={"replay": path.rpartition("/")[2]}).status_code == 403
    assert browser.post(f"{path}/cancel").status_code == 404
    assert "Held Mail" in browser.get(HERE).text
    for one in ("", "/part"):
        assert window.browser(MAIL_ONLY).get(path + one).status_code == 403
    assert len(window.jobs.all()) == 1


@pytest.mark.parametrize("window", [REPLAYED], indirect=True)
def test_whoever_may_see_mails_of_some_partitions_replays_none(window: Window) -> None:
    path = window.start("replay", **PERIOD)
    window.ended(path)
    text = window.ended(path, OF_IT)

    assert "m1" not in text and "Send on" not in text
    browser = window.browser(OF_IT)
    for refused in (
        browser.post(f"{HERE}/replay", data=PERIOD),
        browser.post(f"{HERE}/send-on", data={"replay": path.rpartition("/")[2]}),
    ):
        assert refused.status_code == 409 and "every partition" in refused.text
    assert browser.post(f"{path}/cancel").status_code == 404
    assert len(window.jobs.all()) == 1


@pytest.mark.parametrize("window", [PROBED], indirect=True)
def test_what_a_probe_found_is_shown_to_whoever_may_test_servers(window: Window) -> None:
    given = {"outgoing": "gone", "incoming": "it", "to": "it@desk.example"}
    text = window.ended(f"{HERE}/{window.jobs.start('probe', given, 'Ada').id}", SYSTEM_ONLY)

    for words in ("IT mailbox", "gone", "it@desk.example", "Log in", "logged in", "Subject", "&lt;i&gt;x&lt;/i&gt;"):
        assert words in text
    without = window.ended(f"{HERE}/{window.jobs.start('probe', {**given, 'to': 'x'}, 'Ada').id}", SYSTEM_ONLY)
    assert "What came back" not in without


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"since": "yesterday"}, "From is no moment"),
        ({"until": ""}, "To is no moment"),
        ({"until": "2026-11-27 08:00"}, "To does not lie after From"),
        ({"since": "2999-01-01", "until": "2999-01-02"}, "From lies in the future"),
        ({"server": "nowhere"}, "There is no incoming server"),
        ({"since": "<b>x</b>"}, "From is no moment"),
    ],
)
def test_a_period_that_cannot_be_is_told_and_what_was_typed_is_kept(
    window: Window, typed: dict[str, str], told: str
) -> None:
    form = PERIOD | typed
    answer = window.browser().post(f"{HERE}/replay", data=form)

    assert answer.status_code == 422
    assert answer.text.count(told) == 2 or "server" in typed  # in the summary, and beside the field
    assert told in answer.text
    assert "<title>Error: " in answer.text and "<b>x" not in answer.text
    for value in (form["since"], form["until"]):
        assert f'value="{value}"' in answer.text or "<" in value
    assert window.jobs.all() == ()


def test_there_is_no_other_job(window: Window) -> None:
    for path in ("nothing", "nothing/part"):
        assert window.browser().get(f"{HERE}/{path}").status_code == 404
