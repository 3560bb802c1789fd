"""The window's process over a database of very many rows: how long its pages take, and how much memory it has."""

import http.client
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlencode, urlsplit

from console.access import browser
from console.access.account_changes import add_administrator
from console.access.history import By
from console.access.sessions import DEFAULT_TIMES, Client, begin_session
from console.settings.file_reading import read_settings_file
from deploy.local.bench.measure import MEGABYTE, cpu_seconds, resident_bytes
from deploy.local.bench.window_desk import LONG_ITEM, PARTITIONS, PERSONS
from deploy.local.bench.window_mails import SERVERS, WORDS, mail_id, received
from deploy.local.demo.settings import DEMO_FILE
from deploy.local.pipeline import WINDOW, Pipeline
from deploy.local.servers.broker import choose_broker
from deploy.local.window import sealing_keys
from desk.engine import open_desk, write_transaction
from desk.item_references import reference
from schemas.topics import MAIL_FETCHED

Figure = dict[str, float]  # median, p95, cpu: milliseconds
Draw = Callable[[random.Random], str]  # a path, with values drawn anew each time

SEED = 17
WARM_UP = 3  # requests of each page before those that are measured: templates are compiled by them


def _query(path: str, made: Callable[[random.Random], Mapping[str, str]]) -> Draw:
    return lambda drawn: f"{path}?{urlencode(made(drawn))}"


def _always(path: str) -> Draw:
    return lambda _: path


# What an administrator looks at; a form of settings is as small here as anywhere, so few of them stand for all.
PAGES: Mapping[str, Draw] = {
    "the first page": _always("/"),
    "Email Settings": _always("/email-settings"),
    "details of a server": _always("/email-settings/servers/incoming/it-mailbox"),
    "a partition, to update": _always("/settings/partitions/it/update"),
    "settings as a file": _always("/settings/file"),
    "history": _always("/history"),
    "health": _always("/operations/health"),
    "topics": _always("/operations/topics"),
    "a topic": _always(f"/operations/topics/{MAIL_FETCHED.short}"),
    "records of a topic": _always(f"/operations/topics/{MAIL_FETCHED.short}/records"),
    "dead letters": _always("/dead-letters"),
    "quarantine": _always("/quarantine"),
    "mails": _always("/mails"),
    "a mail's way": lambda drawn: f"/mails/{mail_id(drawn.randrange(1_000))}",
    "items": _always("/items"),
    "items of a partition": _query("/items", lambda drawn: {"partition": drawn.choice(PARTITIONS), "status": "open"}),
    "an item": lambda drawn: f"/items/{reference('call', drawn.randrange(2, 100_000))}",
    "an item of 500 entries": _always(f"/items/{reference('call', LONG_ITEM)}"),
    "deliveries": _always("/deliveries"),
    "persons": _always("/persons"),
    "a person": lambda drawn: f"/persons/person/person-{drawn.randrange(PERSONS):05d}",
    "users": _always("/access/users"),
}
SEARCHES: Mapping[str, Draw] = {
    "persons: an address": _query("/persons", lambda drawn: {"q": f"user{drawn.randrange(PERSONS)}@"}),
    "persons: a word that many have": _query("/persons", lambda drawn: {"q": drawn.choice(WORDS)}),
    "mails: a word of many": _query("/mails", lambda drawn: {"words": drawn.choice(WORDS)}),
    "mails: two words": _query("/mails", lambda drawn: {"words": " ".join(drawn.sample(WORDS, 2))}),
    "mails: a sender": _query("/mails", lambda drawn: {"sender": f"user{drawn.randrange(50_000)}@"}),
    "mails: rejected, of a server": _query(
        "/mails", lambda drawn: {"server": drawn.choice(SERVERS), "outcome": "rejected"}
    ),
    "mails: a word, in a week": _query(
        "/mails", lambda drawn: {"words": drawn.choice(WORDS), "since": f"{received(60_000):%Y-%m-%d}"}
    ),
    "items: a subject": _query("/items", lambda drawn: {"subject": " ".join(drawn.choices(WORDS, k=3))}),
}


@dataclass(frozen=True, slots=True)
class PageFigures:
    """Milliseconds from the request to the end of the answer, by page; memory of the process and its children."""

    pages: Mapping[str, Figure]
    searches: Mapping[str, Figure]
    megabytes: float


def measure_pages(desk_url: str, rounds: int) -> PageFigures:
    """Of a window that is started for it, over a broker with the demo's settings."""
    with _window(desk_url) as (pipeline, cookie):
        address = urlsplit(pipeline.window_url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
        pid = pipeline.pids()[WINDOW]
        pages, searches = (
            {name: _times(connection, cookie, draw, rounds, pid) for name, draw in table.items()}
            for table in (PAGES, SEARCHES)
        )
        connection.close()
        return PageFigures(pages, searches, round(resident_bytes(pid) / MEGABYTE, 1))


@contextmanager
def _window(desk_url: str) -> Iterator[tuple[Pipeline, str]]:
    """The window, and the cookie of somebody who may do everything in it."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailcall-bench-window-")))
        broker = stack.enter_context(choose_broker(directory / "broker"))
        pipeline = Pipeline(
            directory,
            bootstrap_servers=broker.bootstrap_servers,
            topic_prefix="bench",
            desk_url=desk_url,
            environment=sealing_keys(directory),
            processes=(WINDOW,),
        )
        pipeline.create_topics()
        pipeline.apply(read_settings_file(DEMO_FILE), "benchmark")
        stack.enter_context(pipeline)
        pipeline.wait_ready()
        yield pipeline, f"{browser.SESSION}={_session(desk_url)}"


def _session(desk_url: str) -> str:
    engine, now = open_desk(desk_url), datetime.now(UTC)
    try:
        with write_transaction(engine) as connection:
            account = add_administrator(connection, By("deploy.local", now), "bench", "", must_change=False)
            return begin_session(connection, account.id, "link", Client("127.0.0.1"), now, DEFAULT_TIMES)
    finally:
        engine.dispose()


def _times(connection: http.client.HTTPConnection, cookie: str, draw: Draw, rounds: int, pid: int) -> Figure:
    drawn = random.Random(SEED)
    for _ in range(WARM_UP):
        _get(connection, cookie, draw(drawn))
    spent = cpu_seconds(pid)
    times = [_get(connection, cookie, draw(drawn)) for _ in range(rounds)]
    cpu = (cpu_seconds(pid) - spent) / rounds * 1000
    return {"median": median(times), "p95": quantiles(times, n=20)[-1], "cpu": cpu}


def _get(connection: http.client.HTTPConnection, cookie: str, path: str) -> float:
    """Milliseconds. Raises `RuntimeError` for any answer but the page."""
    begun = time.perf_counter()
    connection.request("GET", path, headers={"Cookie": cookie})
    response = connection.getresponse()
    response.read()
    if response.status != 200:
        raise RuntimeError(f"{path} was answered with {response.status}")
    return (time.perf_counter() - begun) * 1000
