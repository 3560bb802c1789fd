"""From the line that tells a waiting IMAP client of a new mail to the committed row of its call."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

import psycopg

from deploy.local.bench.mails import BenchMail
from schemas import ids


def at_pace(mails: Iterable[BenchMail], per_second: float) -> Iterator[BenchMail]:
    """The mails, each not before its time."""
    began = time.monotonic()
    for number, mail in enumerate(mails):
        time.sleep(max(0.0, began + number / per_second - time.monotonic()))
        yield mail


def latencies_ms(
    mails: Sequence[BenchMail], server_id: str, told: Mapping[int, float], first_position: int, dsn: str
) -> list[float]:
    """Milliseconds from the IDLE line to the commit of each mail. `told`: see `BenchMailHost.told`.

    The mails lie in their mailbox one after the other, the first at `first_position`; all have been committed.
    """
    committed = _commit_times(dsn)
    return [
        (committed[ids.mail_id(server_id, mail.raw)] - told[position]) * 1000
        for position, mail in enumerate(mails, first_position)
    ]


def _commit_times(dsn: str) -> Mapping[str, float]:
    """Mail id -> seconds since 1970. The ledger's rows are never changed, so `xmin` is the logger's transaction."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT mail_id, extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM mails")
        return {mail_id: float(seconds) for mail_id, seconds in rows}
