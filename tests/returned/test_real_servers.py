"""What Debian's mail servers return, failed, late and given up: the journal says the right thing of it, once."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from deploy.local.ports import HOST, free_port
from deploy.local.servers.exim import Exim
from deploy.local.servers.postfix import Postfix
from deploy.local.servers.smtp_sink import SmtpSink
from desk.bounced_addresses import bounced
from desk.engine import read_transaction
from desk.migrate import upgrade
from runtime.blobs import BlobStore
from tests.logger.harness import opened
from tests.ports import CLOSED_PORT
from tests.returned.sending import AWAY, CASES, HARD, RETURNS, come_back, reports_in, send_all

pytestmark = pytest.mark.debian

# Four days in ten seconds; and each report goes to the postmaster as well.
_POSTFIX = f"""
transport_maps = inline:{{ {{ {AWAY} = smtp:[{HOST}]:{{nobody}} }} }}
maximal_queue_lifetime = 8s
delay_warning_time = 2s
minimal_backoff_time = 2s
maximal_backoff_time = 2s
queue_run_delay = 2s
notify_classes = bounce
bounce_notice_recipient = {RETURNS}
"""
# By itself it warns nobody of what a program sent (Auto-Submitted), as all of our mails say.
_EXIM = """\
delay_warning = 2s
delay_warning_condition = yes
"""


@contextmanager
def postfix(relay_port: int) -> Iterator[int]:
    settings = _POSTFIX.replace("{nobody}", str(CLOSED_PORT))
    with Postfix(free_port(), relay_port, settings=settings) as server:
        yield server.open_port


@contextmanager
def exim(relay_port: int) -> Iterator[int]:
    with Exim(relay_port, away=AWAY, retry="F,8s,1s", settings=_EXIM) as server:
        yield server.port


@pytest.mark.parametrize(("server", "finals"), [(postfix, 2), (exim, 1)])
def test_the_journal_says_it_once(
    server: Callable[[int], AbstractContextManager[int]], finals: int, tmp_path: Path
) -> None:
    with SmtpSink() as sink, opened(f"sqlite:///{tmp_path / 'desk.db'}") as logger:
        upgrade(logger.engine)
        sink.replies.update({address: case.reply for address, case in CASES.items() if case.reply})
        with server(sink.port) as port:
            calls = send_all(logger, port)
            reports = reports_in(sink, finals)
        come_back(logger, BlobStore((tmp_path / "blobs").as_uri()), reports)
        for address, reference in calls.items():
            entries = [one for one in logger.item(reference).journal[1:] if one.kind != "notification-sent"]
            told = [(one.kind, (one.text or "").partition(" (status ")[0]) for one in entries]
            assert told == [(kind, f"The notification to {address} {words}") for kind, words in CASES[address].journal]
        with read_transaction(logger.engine) as connection:
            assert {one: found.bounces for one, found in bounced(connection, list(CASES)).items()} == dict.fromkeys(
                HARD, 1
            )
