"""Exchange with every fault at once, ingest and outbound killed in turn while they ask it: nothing lost, nothing twice.

Processes, broker, TLS and log-in are real, and so is each death; Exchange is a fake, by Graph and by EWS. In its long
form it has EXCHANGE_MAILS=1000 and EXCHANGE_KILLS=20 (docs/testing.md).
"""

import json
import logging
import os
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from email import message_from_bytes
from email.utils import parseaddr
from hashlib import sha256
from itertools import cycle, islice, product
from random import Random

import pytest
from sqlalchemy import Engine, func, select

from console.audit.dead_letters import dead_letters
from console.audit.reconcile_mails import reconcile
from console.audit.reconcile_notifications import reconcile_notifications
from console.settings.settings_file import SettingsFile
from deploy.local import supervisor
from deploy.local.bench.servers import ANY_NUMBER, desk_settings
from deploy.local.pipeline import Pipeline
from desk.engine import open_desk, read_transaction
from desk.tables import deliveries, items, journal, mails, person_addresses, persons
from schemas.settings import EmailOptions, IncomingServer, OutgoingServer
from tests.desks import new_desk
from tests.e2e.running import wait_for
from tests.exchange import authority
from tests.exchange.killing import PROFILE, SECRET, SECRET_VARIABLE, Doom, Exchange, KillingEws, KillingGraph
from tests.ingest.odd_servers import mail

MAILS, KILLS = int(os.environ.get("EXCHANGE_MAILS", "30")), int(os.environ.get("EXCHANGE_KILLS", "1"))
CHANCE = 0.004  # of each fault, at each request
VICTIMS = ("ingest", "outbound")
ADDRESS = "it@desk.example"
LARGE_BYTES = 100_000
END_SECONDS = 60.0 + MAILS

log = logging.getLogger(__name__)
pytestmark = pytest.mark.timeout(int(120 + 60 * KILLS + END_SECONDS))


def settings(exchange: Exchange) -> SettingsFile:
    """One mailbox for both ways."""
    incoming = IncomingServer(
        id="it",
        protocol="mapi",
        profile=PROFILE,
        mailbox=ADDRESS,
        start_from="beginning",
        after_fetch="delete",
        poll_seconds=0.2,
        call_template="mail",
        default_logging_analyst="analyst",
    )
    outgoing = OutgoingServer(id="out", protocol="mapi", profile=PROFILE, mailbox=ADDRESS, from_address=ADDRESS)
    options = EmailOptions(default_outgoing_server=outgoing.id, answers=ANY_NUMBER)
    return desk_settings([exchange.profile(), incoming, outgoing, options])


class Hurried(Pipeline):
    """Its victims come back soon, and try again soon."""

    def _program(self, name: str) -> supervisor.Program:
        program = super()._program(name)
        if name not in VICTIMS:
            return program
        environment = {**program.environment, "MAILCALL_SESSION_SECONDS": "3"}
        return replace(program, command=(sys.executable, "-m", "tests.e2e.hurried", name), environment=environment)


class Ran:
    """All mails put into the mailbox, and each victim killed so often; then what is left."""

    def __init__(self, exchange: Exchange, pipeline: Pipeline) -> None:
        self.exchange = exchange
        self.pipeline = pipeline
        self.raws = [mail(number, LARGE_BYTES if number % 20 == 0 else 0) for number in range(1, MAILS + 1)]
        self.engine: Engine = open_desk(pipeline.config.desk_url)

    def run(self) -> None:
        began = time.monotonic()
        dooms = {victim: islice(_dooms(victim, self.exchange.steps[victim]), KILLS) for victim in VICTIMS}
        for number in range(KILLS):
            for raw in self.raws[number::KILLS]:
                self.exchange.put(raw)
            for victim in VICTIMS:
                doom = next(dooms[victim])
                self.exchange.killer.arm(doom)
                wait_for(doom.met.is_set, f"{victim} to come to {doom.request}")
        self._wait_until_done()
        figures = MAILS, KILLS, self.exchange.troubles, len(self.exchange.left), time.monotonic() - began
        log.warning("%d mails, %d kills each, %d troubles, %d mails sent, in %.0f s", *figures)

    def _wait_until_done(self) -> None:
        config = self.pipeline.config
        wait_for(lambda: not self.exchange.folder("inbox"), "every mail to be fetched", END_SECONDS)
        wait_for(lambda: len(self.exchange.left) >= MAILS, "every answer to be sent", END_SECONDS)
        wait_for(lambda: reconcile(config).on_the_way == 0, "every mail's end")
        wait_for(lambda: reconcile_notifications(config).outcomes["sent"] >= MAILS, "every answer's end")
        self.pipeline.wait_ready()

    def reconciled(self) -> tuple[int, dict[str, object]]:
        """What `mailcall reconcile` says."""
        command = [sys.executable, "-m", "console.cli", "reconcile", "--json"]
        environment = {**os.environ, **self.pipeline.settings}
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        return ran.returncode, json.loads(ran.stdout)


def _dooms(victim: str, steps: Sequence[str]) -> Iterator[Doom]:
    """At each step in turn, the request done or not, at the first, second or third mail."""
    draw = Random(victim)
    for is_done, step in cycle(product((True, False), steps)):
        yield Doom(victim, step, draw.randint(1, 3), is_done)


@pytest.fixture(scope="module", params=["graph", "ews"])
def ran(
    request: pytest.FixtureRequest, kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ran]:
    directory = tmp_path_factory.mktemp(request.param)
    desk_url = new_desk(directory / "desk.db")
    with ExitStack() as stack:
        entra = stack.enter_context(authority.running(directory))
        assert entra.certificates is not None
        exchange: Exchange = (
            KillingGraph(ADDRESS, entra, CHANCE)
            if request.param == "graph"
            else KillingEws(ADDRESS, entra.certificates, CHANCE * 12)  # there it is the chance of any fault
        )
        stack.enter_context(exchange.running())
        pipeline = Hurried(
            directory,
            bootstrap_servers=kafka_bootstrap,
            topic_prefix=f"exchange-{uuid.uuid4().hex[:8]}",
            desk_url=desk_url,
            environment={SECRET_VARIABLE: SECRET},
        )
        exchange.killer.kill = pipeline.supervisor.kill
        patched = stack.enter_context(pytest.MonkeyPatch.context())
        patched.setattr(supervisor, "LONGEST_PAUSE", supervisor.FIRST_PAUSE)  # whoever is killed comes back at once
        file = settings(exchange)
        with pipeline:
            pipeline.create_topics()
            pipeline.apply(file, "kills")
            pipeline.wait_ready()
            pipeline.wait_for_persons(file)
            ran = Ran(exchange, pipeline)
            stack.callback(ran.engine.dispose)
            ran.run()
            yield ran
    pipeline.delete_topics()


def test_each_victim_died_so_often_among_faults(ran: Ran) -> None:
    restarts = {victim: ran.pipeline.supervisor.restarts(victim) for victim in VICTIMS}
    assert restarts == dict.fromkeys(VICTIMS, KILLS)
    assert ran.exchange.troubles >= MAILS / 10


def test_each_mail_is_one_call_of_one_person(ran: Ran) -> None:
    logged = (
        select(mails.c.sha256, func.count(items.c.id).label("calls"))
        .join(items, items.c.id == mails.c.item_id)
        .where(mails.c.outcome == "call-logged", items.c.kind == "call")
        .group_by(mails.c.sha256)
    )
    with read_transaction(ran.engine) as connection:
        calls = {row.sha256: row.calls for row in connection.execute(logged)}
        entries = connection.scalar(select(func.count()).select_from(journal))
        numbers = connection.scalar(select(func.count()).select_from(items))
        known = Counter(connection.scalars(select(person_addresses.c.normalised)))
        count = connection.scalar(select(func.count()).select_from(persons))
    assert calls == {sha256(raw).hexdigest(): 1 for raw in ran.raws}
    assert entries == numbers == MAILS
    assert known == Counter([*map(_sender, ran.raws), "analyst@desk.example"])
    assert count == MAILS + 1


def test_each_is_answered_once(ran: Ran) -> None:
    assert Counter(one.recipients for one in ran.exchange.left) == Counter((_sender(raw),) for raw in ran.raws)
    ids = {one.recipients[0]: str(message_from_bytes(one.raw)["Message-ID"]) for one in ran.exchange.left}
    with read_transaction(ran.engine) as connection:
        rows = connection.execute(select(deliveries).where(deliveries.c.outcome != "deferred")).all()
    assert sorted((row.recipient, row.outcome) for row in rows) == sorted((sender, "sent") for sender in ids)
    # The id that the server gave it, where its copy could be looked at.
    assert {row.recipient for row in rows if ids[row.recipient] not in (row.message_id, row.sent_message_id)} <= {
        row.recipient for row in rows if row.sent_message_id is None
    }


def test_nothing_is_left_in_the_mailbox(ran: Ran) -> None:
    folder = ran.exchange.folder
    assert (folder("inbox"), folder("drafts")) == ([], [])
    assert sorted(folder("deleteditems")) == sorted(ran.raws)
    assert len(folder("sentitems")) == MAILS


def test_reconcile_balances_and_there_is_no_dead_letter(ran: Ran) -> None:
    code, told = ran.reconciled()
    assert (code, told["balanced"], told["mails"], told["wrong"]) == (0, True, MAILS, [])
    notifications = told["notifications"]
    assert isinstance(notifications, dict)
    assert (notifications["notifications"], notifications["outcomes"]["sent"]) == (MAILS, MAILS)
    assert dead_letters(ran.pipeline.config) == []


def _sender(raw: bytes) -> str:
    return parseaddr(message_from_bytes(raw)["From"])[1]
