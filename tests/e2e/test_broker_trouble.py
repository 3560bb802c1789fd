"""A broker that is frozen and restarted for longer than a producer tries, with records in flight, one after the other.

No process may hang, say that it is well while it waits, or be restarted; nothing is lost or doubled.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil
import pytest

from deploy.local.demo.settings import PASSWORD
from deploy.local.servers.broker import KafkaProcess
from deploy.local.servers.database import Database
from deploy.local.servers.mail_host import MailHost
from runtime.kafka.clients import DELIVERY_SECONDS
from tests.desks import new_database
from tests.e2e.running import HR, IT, RunningDesk, Sent, repeated, running_desk, wait_for
from tests.freezing import frozen

pytestmark = [pytest.mark.timeout(420), pytest.mark.broker, pytest.mark.database, pytest.mark.mail_host]

SHUTDOWN_SECONDS = 70  # as docs/running.md says
AWAY_SECONDS = DELIVERY_SECONDS + 5


Trouble = Callable[[KafkaProcess], AbstractContextManager[None]]


@contextmanager
def down(broker: KafkaProcess) -> Iterator[None]:
    broker.kill()
    yield
    broker.start()


ROUNDS: tuple[Trouble, ...] = (lambda broker: frozen(broker.pid), down)  # and once more frozen, for the end


def test_a_burst_of_mails_outlasts_a_broker_that_is_frozen_and_restarted(tmp_path: Path, database: Database) -> None:
    with (
        new_database(database) as desk_url,
        KafkaProcess(tmp_path / "broker") as broker,
        MailHost(dict.fromkeys((IT, HR), PASSWORD), tmp_path / "mail-host") as mail_host,
        running_desk(tmp_path, broker.bootstrap_servers, desk_url, mail_host) as desk,
    ):
        sent = [mail for trouble in ROUNDS for mail in _burst_in(desk, trouble(broker))]
        answers = desk.wait_for_answers(sent)
        assert desk.logged(sent) == len(sent)
        assert {answer.answers for answer in answers} == {one.message_id for one in sent}
        assert repeated(answers) == 0
        assert sum(desk.pipeline.supervisor.restarts(name) for name in desk.pipeline.processes) == 0

        with frozen(broker.pid):
            _burst(desk)
            processes = [psutil.Process(desk.pipeline.supervisor.pid(name)) for name in desk.pipeline.processes]
            for process in processes:
                process.terminate()
            _, alive = psutil.wait_procs(processes, timeout=SHUTDOWN_SECONDS)
        assert not alive


def _burst_in(desk: RunningDesk, trouble: AbstractContextManager[None]) -> list[Sent]:
    """Mails that are on their way when the trouble begins, and some that are sent meanwhile."""
    sent = _burst(desk)
    wait_for(lambda: desk.logged(sent) > 0, "the burst to be in mid-flow")
    with trouble:
        since = time.monotonic()
        sent += _burst(desk)
        wait_for(lambda: not any(map(desk.pipeline.supervisor.ready, desk.pipeline.processes)), "all to notice")
        time.sleep(max(0.0, since + AWAY_SECONDS - time.monotonic()))  # the trouble is its length
    desk.pipeline.wait_ready()
    return sent


def _burst(desk: RunningDesk) -> list[Sent]:
    """Of a few senders, each with no more mails than are answered within an hour."""
    return [mail for _ in range(3) for mail in desk.send(4, desk.new_sender())]
