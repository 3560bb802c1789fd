"""Processes and mail servers as the health page lists them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from console.health.groups import GROUPS, RETRY, Group
from console.health.sample import Sample, moved_at
from console.views.snapshot import ViewSnapshot
from schemas.servers import ServerStatus
from schemas.settings import IncomingServer, OutgoingServer


@dataclass(frozen=True, slots=True)
class ProcessLine:
    """A group of processes: how many run, what waits for them, since when the oldest waits, when one last took some.

    None: not known. What was put off on purpose (`deferred`) does not wait.
    """

    group: Group
    members: int | None
    waiting: int | None
    oldest: datetime | None
    moved: datetime | None
    deferred: int


@dataclass(frozen=True, slots=True)
class ServerLine:
    """A mail server, and the last that was heard of it."""

    server: IncomingServer | OutgoingServer
    direction: str
    status: ServerStatus | None


def processes(samples: Sequence[Sample]) -> list[ProcessLine]:
    return [_process(group, samples) for group in GROUPS]


def server_lines(view: ViewSnapshot) -> list[ServerLine]:
    """Outgoing servers before incoming ones, as in the Email Settings window."""
    outgoing, incoming = view.settings.all_of(OutgoingServer), view.settings.all_of(IncomingServer)
    return [
        *(ServerLine(server, "outgoing", view.status("outgoing", server.id)) for server in outgoing),
        *(ServerLine(server, "incoming", view.status("incoming", server.id)) for server in incoming),
    ]


def _process(group: Group, samples: Sequence[Sample]) -> ProcessLine:
    if not samples:
        return ProcessLine(group, None, None, None, None, 0)
    last = samples[-1]
    found = {topic: last.progress.get((group.name, topic)) for topic in group.topics()} if group.commits else {}
    known = {topic: progress for topic, progress in found.items() if progress}
    now = [progress for topic, progress in known.items() if not topic.endswith(RETRY)]
    moves = [moved_at(samples, (group.name, topic)) for topic in known]
    return ProcessLine(
        group,
        last.members.get(group.name),
        sum(progress.lag for progress in now) if known else None,
        min((progress.oldest for progress in now if progress.oldest), default=None),
        max((moved for moved in moves if moved), default=None),
        sum(progress.lag for topic, progress in known.items() if topic.endswith(RETRY)),
    )
