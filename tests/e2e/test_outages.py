"""Broker, database and mail host away, at start or later: the processes wait, lose nothing and go on by themselves."""

from pathlib import Path

import psycopg
import pytest

from deploy.local.demo.settings import PASSWORD
from deploy.local.servers.broker import KafkaProcess
from deploy.local.servers.database import Database
from deploy.local.servers.mail_host import MailHost
from tests.desks import new_desk
from tests.e2e.running import HR, IT, RunningDesk, repeated, running_desk, wait_for

pytestmark = [pytest.mark.timeout(150), pytest.mark.broker, pytest.mark.database, pytest.mark.mail_host]

ACCOUNTS = dict.fromkeys((IT, HR), PASSWORD)
STAGES = (
    "resolver",
    "logger",
    "outbound",
)  # ingest goes on watching its mailboxes: not having a broker is no reason to stop


def test_a_broker_that_goes_and_comes_back_costs_no_mail(tmp_path: Path) -> None:
    desk_url = new_desk(tmp_path / "desk.db")
    with (
        KafkaProcess(tmp_path / "broker") as broker,
        MailHost(ACCOUNTS, tmp_path / "mail-host") as mail_host,
        running_desk(tmp_path, broker.bootstrap_servers, desk_url, mail_host) as desk,
    ):
        sent = desk.send(4)
        desk.wait_for_answers(sent)
        broker.stop()
        sent += desk.send(10)
        wait_for(lambda: not any(desk.pipeline.supervisor.ready(name) for name in STAGES), "the stages to notice")
        broker.start()

        answers = desk.wait_for_answers(sent)
        assert desk.logged(sent) == desk.persons(sent) == len(sent)
        assert repeated(answers) == 0
        assert _restarts(desk) == 0


def test_processes_started_before_everything_else_wait_for_it(tmp_path: Path) -> None:
    broker, database, mail_host = KafkaProcess(tmp_path / "broker"), Database(), MailHost(ACCOUNTS, tmp_path / "host")
    with running_desk(tmp_path, broker.bootstrap_servers, database.url("desk"), mail_host, set_up=False) as desk:
        wait_for(lambda: len(desk.pipeline.pids()) == len(desk.pipeline.processes), "every process")
        with broker:
            desk.pipeline.create_topics()
            desk.pipeline.apply(desk.settings, "before there is a database or a mail host")
            with database:
                with psycopg.connect(database.dsn(), autocommit=True) as connection:
                    connection.execute("CREATE DATABASE desk")
                desk.pipeline.wait_ready()
                desk.pipeline.wait_for_persons(desk.settings)
                with mail_host:
                    sent = desk.send(4)
                    answers = desk.wait_for_answers(sent)
                    assert desk.logged(sent) == desk.persons(sent) == len(answers) == len(sent)
                    assert _restarts(desk) == 0


def _restarts(desk: RunningDesk) -> int:
    return sum(desk.pipeline.supervisor.restarts(name) for name in desk.pipeline.processes)
