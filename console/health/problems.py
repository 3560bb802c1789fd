"""What is wrong, worst first, each with since when and what to do. Pure: decided from what was sampled and followed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from console.health.groups import DLQ, GROUPS, RETRY
from console.health.sample import absent_since, stands_since
from console.health.sampler import Traffic, Trouble
from console.servers.rows import STATES
from console.settings.partitions import use_of
from console.views.snapshot import ViewSnapshot
from console.views.views import Freshness
from schemas.explanations import EXPLANATIONS
from schemas.servers import ServerState, ServerStatus
from schemas.settings import IncomingServer, OutgoingServer, Partition

STANDS_FOR = timedelta(minutes=1)  # how long a batch may take
OLD = timedelta(minutes=5)  # the person who wrote the mail waits for an answer
SILENT = timedelta(minutes=30)  # three times as long as an unchanged state is told again

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Link:
    """A page of the window, by its name, and the parameters of its path."""

    page: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `link`: where to look."""

    severity: Severity
    what: str
    remedy: str
    since: datetime | None = None
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that health is decided from, as of `now`."""

    now: datetime
    traffic: Traffic
    view: ViewSnapshot
    freshness: Freshness


def problems(known: Known) -> list[Problem]:
    """The worst first, those that have lasted longest before the others."""
    found = [problem for check in _CHECKS for problem in check(known)]
    return sorted(found, key=lambda one: (one.severity != "error", (one.since or known.now).timestamp()))


def _answering(known: Known) -> Iterator[Problem]:
    for trouble in (known.traffic.broker, known.traffic.desk):
        if trouble is not None:
            yield _of_trouble(trouble)
    stale = known.freshness.stale_since
    if stale is not None and known.traffic.broker is None:
        yield Problem(
            "error",
            "Settings and the states of servers are not followed any more: pages show them as they were",
            "Look into the window's log; restart the window.",
            stale,
        )


def _missing_topics(known: Known) -> Iterator[Problem]:
    last = known.traffic.last
    if last is not None and last.missing:
        names = f"{last.missing[0]} and {len(last.missing) - 1} more" if len(last.missing) > 1 else last.missing[0]
        yield Problem("error", f"The broker has no topic {names}", "`mailcall topics create` creates what is missing.")


def _processes(known: Known) -> Iterator[Problem]:
    last = known.traffic.last
    if last is None:
        return
    for process in dict.fromkeys(group.process for group in GROUPS):
        gone = [group for group in GROUPS if group.process == process and not last.members.get(group.name)]
        if gone:
            since = absent_since(known.traffic.samples, gone[0].name)
            duties = " and ".join(group.duty for group in gone)
            yield Problem(
                "error",
                f"No {process} is running that {duties}",
                f"Start it (`python -m {process}`); if it stopped on its own, its log says why.",
                since,
            )


def _standing(known: Known) -> Iterator[Problem]:
    last = known.traffic.last
    if last is None:
        return
    for group in GROUPS:
        for topic in group.topics() if last.members.get(group.name) else ():
            since = stands_since(known.traffic.samples, (group.name, topic))
            progress = last.progress.get((group.name, topic))
            if progress is None or topic.endswith(RETRY):  # what was deferred waits on purpose
                continue
            if since is not None and last.at - since >= STANDS_FOR:
                yield Problem(
                    "error",
                    f"{group.name} takes nothing of {topic}, where {progress.lag} records wait",
                    f"/readyz and the log of {group.process} say what it waits for.",
                    since,
                    Link("topics.show", {"topic": topic}),
                )
            elif progress.oldest is not None and last.at - progress.oldest >= OLD:
                yield Problem(
                    "warning",
                    f"{group.name} is behind on {topic}: {progress.lag} records wait, the oldest since long",
                    f"Start more processes of {group.process}, or wait until a burst has passed.",
                    progress.oldest,
                    Link("topics.show", {"topic": topic}),
                )


def _dead_letters(known: Known) -> Iterator[Problem]:
    last = known.traffic.last
    for topic, count in sorted(last.last_hour.items() if last else ()):
        if count:
            records = "1 record" if count == 1 else f"{count} records"
            yield Problem(
                "warning",
                f"{records} on the dead letters of {topic.removesuffix(DLQ)} in the last hour",
                "Dead letters says why each could not be handled: put that right, then replay them.",
                link=Link("dead-letters.list"),
            )


def _settings(known: Known) -> Iterator[Problem]:
    for key, why in sorted(known.view.undecodable.items()):
        yield Problem(
            "error",
            f"The newest record of {key[:200]} cannot be read ({why[:300]}); the one before it is in force",
            "Save that setting again; if a newer release wrote it, upgrade this one.",
        )


_TROUBLED: Mapping[ServerState, Severity] = {
    "authentication-refused": "error",
    "unreachable": "error",
    "throttled": "warning",
}


def _servers(known: Known) -> Iterator[Problem]:
    for kind, direction in ((IncomingServer, "incoming"), (OutgoingServer, "outgoing")):
        for server in known.view.settings.all_of(kind):
            if server.enabled:
                yield from _of_server(server.name or server.id, known.view.status(direction, server.id), known.now)


def _of_server(name: str, status: ServerStatus | None, now: datetime) -> Iterator[Problem]:
    if status is None:
        return  # an outgoing one is not spoken to before there is a mail; where no ingest runs, that is said
    link = Link("servers.open", {"direction": status.direction, "server_id": status.server_id})
    name = f"{status.direction.title()} server {name}"
    severity = _TROUBLED.get(status.state)
    if severity is not None:
        why = EXPLANATIONS[status.reason].remedy if status.reason else ""
        what = f"{name}: {STATES[status.state][0].lower()}"
        told = f"{what}. {status.last_error}" if status.last_error else what
        yield Problem(severity, told, why or "Test the server.", status.since, link)
    elif status.direction == "incoming" and status.last_success and now - status.last_success > SILENT:
        yield Problem(
            "warning",
            f"{name}: nothing was heard of it for long",
            "Look whether ingest is running and what its log says.",
            status.last_success,
            link,
        )
    if status.secret_ends:
        yield Problem(
            "warning",
            f"{name}: the secret or certificate of its MAPI profile ends on {status.secret_ends}",
            "Make a new one in the directory, and enter it in the MAPI profile.",
            link=link,
        )
    if status.not_given:
        yield Problem(
            "warning",
            f"{name} does not give {len(status.not_given)} mails that it lists",
            "Move them out of the mailbox, or have the mail server mended; they are asked for again until then.",
            link=link,
        )


def _telling_nobody(known: Known) -> Iterator[Problem]:
    """Calls are logged by mail, and nobody gets an answer: each notification fails for want of a server."""
    settings = known.view.settings
    for partition in settings.all_of(Partition):
        use = use_of(settings, partition)
        if use.incoming_servers and use.outgoing_server is None:
            yield Problem(
                "warning",
                f"Nobody is told of the calls of partition {partition.name or partition.id}: no outgoing server sends "
                "for it",
                "Choose an Outgoing server for the partition, or in Email options a Default outgoing server.",
                link=Link("partition.open", {"id": partition.id}),
            )


def _of_trouble(trouble: Trouble) -> Problem:
    return Problem("error", trouble.text[:1].upper() + trouble.text[1:], trouble.remedy, trouble.since)


_CHECKS: tuple[Callable[[Known], Iterator[Problem]], ...] = (
    _answering,
    _missing_topics,
    _processes,
    _standing,
    _servers,
    _telling_nobody,
    _dead_letters,
    _settings,
)
