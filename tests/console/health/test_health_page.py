"""The health page: what is wrong comes first, with what to do; what servers say is text."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from console.access.rights import Identity, Right
from console.health.groups import GROUPS
from console.health.sample import Progress, Sample
from console.health.sampler import Traffic, Trouble
from console.views.snapshot import ViewSnapshot
from console.views.views import Freshness
from schemas.servers import ServerStatus
from schemas.settings import IncomingServer
from schemas.snapshot import SettingsSnapshot
from tests.console.live.window import client, services

HEALTH = "/operations/health"
HOSTILE = "<script>alert(1)</script>"


def sample(**fields: Any) -> Sample:
    return Sample(datetime.now(UTC), **{"members": {group.name: 1 for group in GROUPS}, **fields})


def view(**fields: Any) -> ViewSnapshot:
    server = IncomingServer.model_validate(
        {
            "id": "it",
            "name": HOSTILE,
            "protocol": "imap",
            "username": "it@desk.example",
            "call_template": "it",
            "default_logging_analyst": "ida",
        }
    )
    status = ServerStatus.model_validate(
        {"server_id": "it", "direction": "incoming", "state": "idle", "since": datetime.now(UTC), **fields}
    )
    settings = SettingsSnapshot({"incoming-server/it": server})
    return ViewSnapshot(settings, statuses={("incoming", "it"): status})


def shown(traffic: Traffic, snapshot: ViewSnapshot | None = None, freshness: Freshness | None = None) -> str:
    views = SimpleNamespace(current=snapshot or ViewSnapshot(), freshness=freshness or Freshness(True, None))
    browser = client(services(sampler=SimpleNamespace(current=traffic), views=views))
    page, part = browser.get(HEALTH), browser.get(f"{HEALTH}/part")
    assert (page.status_code, part.status_code) == (200, 200)
    assert "<html" not in part.text and part.text.count("<h2") == page.text.count("<h2")
    return str(page.text)


def test_before_the_first_sample_nothing_is_claimed() -> None:
    text = shown(Traffic(), freshness=Freshness(False, None))

    assert "The first look at the broker is being taken" in text
    assert "Nothing is wrong" not in text
    assert "being read" in text


def test_where_nothing_is_wrong_it_is_said() -> None:
    assert "Nothing is wrong" in shown(Traffic((sample(),)))


def test_what_is_wrong_comes_before_everything_else_with_its_remedy() -> None:
    down = Trouble(datetime.now(UTC) - timedelta(minutes=3), "the desk's database is away", "Start PostgreSQL.")
    progress = {("resolver", "mail.fetched"): Progress(1234, 10, datetime.now(UTC) - timedelta(minutes=7))}
    text = shown(Traffic((sample(progress=progress),), desk=down))

    assert (
        text.index("The desk&#39;s database is away") < text.index("Start PostgreSQL.") < text.index("Processes</h2>")
    )
    assert "for 3 min" in text
    assert "resolver is behind on mail.fetched" in text
    assert '<data class="number" value="1234">1,234</data>' in text
    assert "Nothing is wrong" not in text


def test_names_and_words_of_servers_are_text() -> None:
    failed = view(state="unreachable", reason="server-unreachable", last_error=f"{HOSTILE} 5.7.1")
    text = shown(Traffic((sample(),)), failed)

    assert HOSTILE not in text
    assert text.count("&lt;script&gt;alert(1)") >= 2
    assert "Unreachable</span>" in text


def test_a_server_is_in_the_words_of_email_settings() -> None:
    text = shown(Traffic((sample(),)), view(state="authentication-refused", reason="authentication-refused"))

    assert "Log-in refused</span>" in text
    assert "authentication refused" not in text


def test_without_system_set_up_the_missing_right_is_named() -> None:
    reader = Identity("2", "Rita", frozenset(Right) - {Right.SYSTEM_SET_UP})
    browser = client(services(), reader)

    for path in (HEALTH, f"{HEALTH}/part"):
        refused = browser.get(path)
        assert refused.status_code == 403
        assert "System Set Up" in refused.text
