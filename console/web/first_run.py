"""The short path of an empty installation to its first call: each step with how far it has come. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from console.servers.rows import proof
from console.servers.server_settings import direction_of
from console.settings.partitions import use_of
from console.views.snapshot import ViewSnapshot
from schemas.settings import CallTemplate, IncomingServer, OutgoingServer, Partition

State = Literal["done", "failed", "next", "later"]


@dataclass(frozen=True, slots=True)
class SetUp:
    """What is known. `first_item`: the reference of the first call, task or request."""

    view: ViewSnapshot
    has_analyst: bool
    first_item: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step is done: `page` by name, with the parameters of its path and its query; `action` leads there."""

    action: str
    page: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    title: str
    state: State
    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class _Found:
    """What a step has come to: `is_done` or not, `trouble` where it does not work as it stands.

    `place`: where it goes on, where that is not where it begins.
    """

    is_done: bool
    text: str
    trouble: str = ""
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class _Task:
    title: str
    look: Callable[[SetUp], _Found]
    place: Place


def steps(known: SetUp) -> list[Step]:
    """All steps; the first that is not done is the next one."""
    return list(_stated(known))


def is_finished(known: SetUp) -> bool:
    """Nobody who has logged calls by mail needs the path."""
    return known.first_item is not None and bool(known.view.settings.all_of(IncomingServer))


def _stated(known: SetUp) -> Iterator[Step]:
    is_next = True
    for task in _TASKS:
        found = task.look(known)
        state: State = "failed" if found.trouble else "done" if found.is_done else "next" if is_next else "later"
        is_next = is_next and state == "done"
        yield Step(task.title, state, found.trouble or found.text, found.place or task.place)


def _partition(known: SetUp) -> _Found:
    names = [one.name or one.id for one in known.view.settings.all_of(Partition)]
    text = "A department's part of the desk, with its Impact, Urgency and Priority values and its Priority Matrix."
    return _Found(bool(names), _listed(names) or text)


def _analyst(known: SetUp) -> _Found:
    text = "Somebody has to stand as Default Logging Analyst in calls that nobody else logs."
    return _Found(known.has_analyst, "There is an Analyst." if known.has_analyst else text)


def _call_template(known: SetUp) -> _Found:
    names = [one.id for one in known.view.settings.all_of(CallTemplate)]
    return _Found(
        bool(names), _listed(names) or "What a call gets that is logged from a mail: its partition, impact ..."
    )


def _outgoing(known: SetUp) -> _Found:
    """A server alone sends nothing: it has to be a partition's, or the default one."""
    settings = known.view.settings
    names = [one.name or one.id for one in settings.all_of(OutgoingServer)]
    if not names:
        return _Found(False, "The server that answers are sent through, by SMTP.")
    silent = [one.name or one.id for one in settings.all_of(Partition) if use_of(settings, one).outgoing_server is None]
    if not silent:
        return _Found(True, _listed(names))
    text = (
        f"{_listed(names)} can be chosen now as the Default outgoing server. Without one, nobody is told of the calls "
        f"of {_listed(silent)}."
    )
    return _Found(False, text, place=Place("Choose it", "email-options.show"))


def _incoming(known: SetUp) -> _Found:
    names = [one.name or one.id for one in known.view.settings.all_of(IncomingServer)]
    return _Found(bool(names), _listed(names) or "The mailbox that calls are logged from, by IMAP or POP3.")


def _both_work(known: SetUp) -> _Found:
    """By a test of just these settings, or by what they have done since they were saved."""
    view = known.view
    servers: list[OutgoingServer | IncomingServer] = [
        *view.settings.all_of(OutgoingServer),
        *view.settings.all_of(IncomingServer),
    ]
    wanted = [(direction_of(one), one, one.name or one.id) for one in servers if one.enabled]
    for direction, server, name in wanted:
        status = view.status(direction, server.id)
        if status and status.state in ("authentication-refused", "unreachable"):
            told = status.last_error or status.state.replace("-", " ")
            return _Found(False, "", f"{name}: {told}")
    unproved = [one for one in wanted if proof(f"{one[1].kind}/{one[1].id}", one[1], view)]
    has_both = len({direction for direction, _, _ in wanted}) == 2
    if has_both and not unproved:
        return _Found(True, f"Working: {_listed([name for _, _, name in wanted])}")
    text = "Open a server and select Test: each step of it is told, from the connection to the log-in."
    if not has_both:
        return _Found(False, text)
    direction, server, name = unproved[0]
    place = Place(f"Open {name}", "servers.open", {"direction": direction, "server_id": server.id})
    return _Found(False, f"{text} Still to be tested: {_listed([name for _, _, name in unproved])}.", place=place)


def _first_call(known: SetUp) -> _Found:
    text = "Write to the mailbox as any user would. The call appears here, and its answer in your mail."
    return _Found(known.first_item is not None, f"{known.first_item} was the first." if known.first_item else text)


def _listed(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


_TASKS: tuple[_Task, ...] = (
    _Task("Add a partition", _partition, Place("Add", "partition.add")),
    _Task("Add an Analyst", _analyst, Place("Add", "persons.add", query={"flag": "analyst"})),
    _Task("Add a Call Template", _call_template, Place("Add", "call-template.add")),
    _Task("Add an outgoing email server", _outgoing, Place("Add", "servers.add", {"direction": "outgoing"})),
    _Task("Add an incoming email server", _incoming, Place("Add", "servers.add", {"direction": "incoming"})),
    _Task("Test both", _both_work, Place("Email Settings", "servers.list")),
    _Task("Send a mail, see the call", _first_call, Place("Calls", "items.list")),
)
