"""One peer measured: set up, warmed up, then CPU of its processes and of PostgreSQL while it takes the mails."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from deploy.local import StartError
from deploy.local.bench.mails import BenchMail, make_mails
from deploy.local.bench.measure import cpu_seconds
from deploy.local.bench.peers.django_helpdesk import DjangoHelpdesk
from deploy.local.bench.peers.peer import PROGRAM, RECIPIENT, Peer
from deploy.local.bench.peers.report import PeerResult, cost, expected, in_stages, kept, with_token
from deploy.local.bench.peers.request_tracker import RequestTracker
from deploy.local.bench.peers.roundup import Roundup, RoundupPipe
from deploy.local.bench.sink import SinkProcess

PEERS: Final[Mapping[str, type[Peer]]] = {
    peer.title: peer for peer in (DjangoHelpdesk, Roundup, RoundupPipe, RequestTracker)
}

STARTS = 3  # without a mail, of which the median is what a start costs


@dataclass(frozen=True, slots=True)
class PeerOptions:
    mails: int
    warm_up: int
    seed: int


class _Meter:
    """What deliveries cost: CPU seconds of the peer's own processes by part, of PostgreSQL, and time."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self.spent: Counter[str] = Counter()
        self.database = self.seconds = 0.0
        self.starts = 0

    def deliver(self, mails: Sequence[BenchMail]) -> None:
        before, began = self._database_seconds(), time.monotonic()
        self.spent.update(self._peer.deliver(mails))
        self.seconds += time.monotonic() - began
        self.database += self._database_seconds() - before
        self.starts += self._peer.starts

    def _database_seconds(self) -> float:
        pid = self._peer.ground.database.pid
        if pid is None:
            raise StartError("PostgreSQL has ended")
        return cpu_seconds(pid)


def measure(peer: Peer, options: PeerOptions, sink: SinkProcess) -> PeerResult:
    """Raises `NotAvailableError` or `StartError` where the peer cannot be had or does not start."""
    peer.set_up()
    peer.deliver(_make(options.warm_up // peer.share, options.seed + 1))
    start = median(peer.deliver([])[PROGRAM] for _ in range(STARTS)) if peer.starts else 0.0
    mails = _make(options.mails // peer.share, options.seed)
    meter, came = _Meter(peer), sink.count()
    calls, replies = in_stages(mails)
    meter.deliver(calls)
    meter.deliver(_with_tokens(replies, calls, peer))
    return PeerResult(
        title=peer.title,
        version=peer.version,
        way=peer.way,
        mails=len(mails),
        cpu_ms_per_mail=cost(meter.spent, meter.database, start, meter.starts, len(mails)),
        start_seconds=round(start, 2),
        mails_per_s=round(len(mails) / meter.seconds, 1),
        expected=expected(mails),
        kept=kept(mails, peer.stored()),
        acknowledgements=sink.count() - came,
    )


def _with_tokens(replies: Sequence[BenchMail], calls: Sequence[BenchMail], peer: Peer) -> list[BenchMail]:
    """As people answer the peer's acknowledgements; a reply to a mail that it does not hold has no token."""
    stored = peer.stored()
    tokens = {mail.number: peer.token(stored[mail.message_id].ticket) for mail in calls if mail.message_id in stored}
    return [
        with_token(reply, tokens[reply.answers]) if reply.answers is not None and reply.answers in tokens else reply
        for reply in replies
    ]


def _make(count: int, seed: int) -> list[BenchMail]:
    """The benchmark's mails. The peer's own acknowledgements have other Message-IDs: their token is what it knows."""

    def acknowledgement_id(mail: BenchMail) -> str:
        return f"<acknowledgement.{seed}.{mail.number}@desk.example>"

    return list(make_mails(count, seed=seed, recipient=RECIPIENT, acknowledgement_id=acknowledgement_id))
