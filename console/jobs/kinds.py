"""What can be run in the background, as data; each kind's work is a function that the child process calls."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from console.config import ConsoleConfig

MAX_ROWS = 1_000  # of a list in a result: more than anybody reads on a page
MAX_PLACES = 20_000  # mails that one replay offers to be sent on

PROBE_SECONDS, LONGEST_PROBE_SECONDS = 60.0, 900.0  # for the answer, and again for the mail once it is looked for

Progress = Callable[[int, str], None]  # how many are done, and of what
Given = Mapping[str, Any]
Result = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """`run` takes the configuration, what was given, and a function to tell progress by; its result is plain data.

    It raises `UserError`, `OutageError`, `TopicMissingError`. It may be ended at any moment.
    """

    name: str
    title: str
    run: "Callable[[ConsoleConfig, Given, Progress], Result]"


def _reconcile(config: "ConsoleConfig", _given: Given, progress: Progress) -> Result:
    from console.audit import reconcile_mails, reconcile_notifications

    mails = reconcile_mails.reconcile(config, lambda done: progress(done, "records of mails read"))
    notifications = reconcile_notifications.reconcile_notifications(
        config, lambda done: progress(done, "records of notifications read")
    )
    return {
        "balanced": mails.balanced and notifications.balanced,
        "mails": _bounded(reconcile_mails.summary(mails)),
        "notifications": _bounded(reconcile_notifications.summary(notifications)),
    }


def _replay(config: "ConsoleConfig", given: Given, progress: Progress) -> Result:
    from console.audit import replay

    counts = dict.fromkeys(("mails", "differ", "undecided", "persons_today"), 0)
    differences: list[dict[str, str]] = []
    places: list[tuple[int, int]] = []
    for mail in replay.replay(config, _period(given), given.get("server") or None):
        counts["mails"] += 1
        counts["differ"] += bool(mail.differences)
        counts["undecided"] += mail.then is None
        counts["persons_today"] += mail.to_be_sent_on
        differences += map(asdict, mail.differences[: MAX_ROWS - len(differences)])
        if mail.to_be_sent_on and len(places) < MAX_PLACES:
            places.append(mail.place)
        progress(counts["mails"], "mails compared")
    oldest = replay.stored_since(config)
    return {
        **counts,
        "differences": differences,
        "places": places,
        "stored_since": oldest.isoformat() if oldest else None,
    }


def _send_on(config: "ConsoleConfig", given: Given, progress: Progress) -> Result:
    from contextlib import closing

    from console.audit import replay
    from runtime.kafka.producer import Publisher

    places = {(int(partition), int(offset)) for partition, offset in given["places"]}
    progress(0, f"of {len(places)} mails sent on")
    with closing(Publisher(config, "console")) as publisher:
        return {"sent": replay.send_on(config, publisher, _period(given), places, datetime.now(UTC))}


def _probe(config: "ConsoleConfig", given: Given, progress: Progress) -> Result:
    from contextlib import closing

    from console.errors import UserError
    from console.servers import server_tests
    from console.servers.probe import probe
    from console.settings.state import read_state
    from runtime.kafka.producer import Publisher

    settings, now = read_state(config).settings, datetime.now(UTC)
    outgoing, incoming = settings.outgoing_server(given["outgoing"]), settings.incoming_server(given["incoming"])
    if outgoing is None or incoming is None:
        raise UserError("one of the two servers has been deleted meanwhile", "start with those that are there")
    progress(0, "mails compared")
    request = server_tests.make_request(now, server_id=outgoing.id, to=(given["to"],), probe=True)
    seconds = min(PROBE_SECONDS + incoming.poll_seconds, LONGEST_PROBE_SECONDS)
    with closing(Publisher(config, "console")) as publisher:
        found = probe(config, publisher, outgoing, incoming, request, now, seconds)
    result = found.answer.result
    return {
        "note": found.answer.note or found.note,
        "steps": [step.model_dump() for step in result.steps] if result else [],
        "rows": [row._asdict() for row in found.rows],
    }


def _period(given: Given) -> Any:
    from console.audit.replay import Period

    return Period(datetime.fromisoformat(given["since"]), datetime.fromisoformat(given["until"]))


def _bounded(summary: dict[str, Any]) -> dict[str, Any]:
    """Without the mails that are right, and with the first of those that are not; `wrong_in_all` counts them."""
    wrong = summary["wrong"]
    kept = {name: value for name, value in summary.items() if name != "each"}
    return {**kept, "wrong": wrong[:MAX_ROWS], "wrong_in_all": len(wrong)}


KINDS: tuple[Kind, ...] = (
    Kind("reconcile", "Reconcile", _reconcile),
    Kind("replay", "Replay", _replay),
    Kind("send-on", "Send on", _send_on),
    Kind("probe", "Probe", _probe),
)
BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}
