"""What counts as wrong, how bad, and what is said to do about it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.health.groups import GROUPS
from console.health.problems import Known, Problem, problems
from console.health.sample import Progress, Reading, Sample
from console.health.sampler import Traffic, Trouble
from console.settings.partitions import FIRST_PARTITION
from console.views.snapshot import ViewSnapshot
from console.views.views import Freshness
from schemas.explanations import EXPLANATIONS
from schemas.reasons import Reason
from schemas.servers import ServerStatus
from schemas.settings import CallTemplate, EmailOptions, IncomingServer, OutgoingServer, Setting
from schemas.snapshot import SettingsSnapshot

NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)
ALL = {group.name: 1 for group in GROUPS}
FETCHED: Reading = ("resolver", "mail.fetched")
SERVER = IncomingServer.model_validate(
    {
        "id": "it",
        "name": "IT mailbox",
        "protocol": "imap",
        "username": "it@desk.example",
        "call_template": "it",
        "default_logging_analyst": "ida",
    }
)


def ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


def sample(at: datetime = NOW, progress: Mapping[Reading, Progress] | None = None, **fields: Any) -> Sample:
    return Sample(at, progress=progress or {}, **{"members": ALL, **fields})


def known(*samples: Sample, **fields: Any) -> Known:
    view = ViewSnapshot(settings=SettingsSnapshot({"incoming-server/it": SERVER}))
    return replace(Known(NOW, Traffic(samples or (sample(),)), view, Freshness(True, None)), **fields)


def with_status(server: IncomingServer = SERVER, **fields: Any) -> Known:
    status = ServerStatus.model_validate(
        {"server_id": "it", "direction": "incoming", "state": "connected", "since": ago(hours=2), **fields}
    )
    settings = SettingsSnapshot({"incoming-server/it": server})
    return known(view=ViewSnapshot(settings=settings, statuses={("incoming", "it"): status}))


def the_one(of: Known) -> Problem:
    (problem,) = problems(of)
    return problem


def test_where_everything_works_nothing_is_wrong() -> None:
    assert problems(known()) == []
    assert problems(with_status(last_success=ago(minutes=9))) == []
    assert problems(Known(NOW, Traffic(), ViewSnapshot(), Freshness(False, None))) == []


def test_a_broker_that_does_not_answer_is_told_once_with_its_remedy() -> None:
    trouble = Trouble(ago(minutes=3), "the Kafka broker cannot be reached", "Start it.")
    found = known(traffic=Traffic((sample(),), broker=trouble), freshness=Freshness(True, ago(minutes=3)))

    assert the_one(found) == Problem("error", "The Kafka broker cannot be reached", "Start it.", ago(minutes=3))


def test_a_view_that_is_stale_by_itself_is_told() -> None:
    assert "not followed any more" in the_one(known(freshness=Freshness(True, ago(minutes=3)))).what


def test_a_process_that_is_missing_is_told_once_with_its_duties_and_since_when() -> None:
    gone = {**ALL, "outbound": 0, "outbound-tests": 0}
    before, first, last = sample(ago(minutes=2)), sample(ago(minutes=1), members=gone), sample(members=gone)
    problem = the_one(known(before, first, last))

    assert problem.what == "No outbound is running that sends mail and tests outgoing servers"
    assert "python -m outbound" in problem.remedy
    assert problem.since == ago(minutes=1)


@pytest.mark.parametrize(("seconds", "wrong"), [(50, False), (60, True)])
def test_a_group_that_takes_nothing_for_a_minute_stands(seconds: float, wrong: bool) -> None:
    waits = {FETCHED: Progress(3, 10, NOW)}
    found = problems(known(sample(ago(seconds=seconds), waits), sample(NOW, waits)))

    assert [one.what for one in found] == (["resolver takes nothing of mail.fetched, where 3 records wait"] * wrong)
    assert all(one.severity == "error" and one.link and one.link.parameters["topic"] == "mail.fetched" for one in found)


def test_a_group_that_works_and_is_behind_by_minutes_is_a_warning() -> None:
    behind = [
        sample(ago(seconds=60), {FETCHED: Progress(900, 100, ago(minutes=9))}),
        sample(NOW, {FETCHED: Progress(800, 200, ago(minutes=6))}),
    ]
    problem = the_one(known(*behind))

    assert (problem.severity, problem.since) == ("warning", ago(minutes=6))
    assert "800 records wait" in problem.what


def test_what_was_deferred_waits_on_purpose() -> None:
    waits = {("outbound", "notification.requested.retry"): Progress(3, 10, ago(hours=3))}

    assert problems(known(sample(ago(minutes=30), waits), sample(NOW, waits))) == []


def test_of_a_process_that_is_missing_it_is_not_said_too_that_it_stands() -> None:
    waits = {FETCHED: Progress(3, 10, ago(hours=1))}
    gone = {**ALL, "resolver": 0}
    found = known(sample(ago(minutes=5), waits, members=gone), sample(NOW, waits, members=gone))

    assert the_one(found).what.startswith("No resolver is running")


def test_a_server_in_trouble_is_told_in_its_own_words_with_the_remedy_of_the_reason() -> None:
    problem = the_one(
        with_status(state="authentication-refused", reason="authentication-refused", last_error="535 no such account")
    )

    assert problem.what == "Incoming server IT mailbox: log-in refused. 535 no such account"
    assert problem.remedy == EXPLANATIONS[Reason.AUTHENTICATION_REFUSED].remedy
    assert (problem.severity, problem.since) == ("error", ago(hours=2))
    assert problem.link is not None and problem.link.parameters == {"direction": "incoming", "server_id": "it"}


def test_a_disabled_server_is_no_problem() -> None:
    off = SERVER.model_copy(update={"enabled": False})

    assert problems(with_status(off, state="unreachable", reason="server-unreachable")) == []


def test_fetching_that_stopped_in_silence_is_told() -> None:
    problem = the_one(with_status(last_success=ago(minutes=31)))

    assert (problem.severity, problem.since) == ("warning", ago(minutes=31))
    assert "nothing was heard of it" in problem.what


def test_mails_that_a_server_does_not_give_are_told() -> None:
    assert "does not give 2 mails" in the_one(with_status(last_success=NOW, not_given=("1: NO", "2: NO"))).what


def test_dead_letters_topics_and_settings_that_cannot_be_read_are_told() -> None:
    found = known(
        sample(last_hour={"mail.fetched.dlq": 2, "mail.resolved.dlq": 0}, missing=("t.a", "t.b", "t.c")),
        view=ViewSnapshot(undecodable={"call-template/x": "id: no"}),
    )

    assert [one.what for one in problems(found)] == [
        "The broker has no topic t.a and 2 more",
        "The newest record of call-template/x cannot be read (id: no); the one before it is in force",
        "2 records on the dead letters of mail.fetched in the last hour",
    ]


def test_errors_come_before_warnings_and_the_oldest_first() -> None:
    trouble = Trouble(ago(minutes=1), "the desk is away", "Start it.")
    found = known(
        sample(last_hour={"mail.fetched.dlq": 2}),
        traffic=Traffic((sample(last_hour={"mail.fetched.dlq": 2}),), desk=trouble),
        freshness=Freshness(True, ago(minutes=9)),
    )

    assert [(one.severity, one.since) for one in problems(found)] == [
        ("error", ago(minutes=9)),
        ("error", ago(minutes=1)),
        ("warning", None),
    ]


def test_calls_of_which_nobody_is_told_are_a_warning_until_a_server_sends() -> None:
    partition = FIRST_PARTITION.model_copy(update={"id": "it", "name": "IT"})
    template = CallTemplate(id="it", partition="it", impact="High", urgency="High")
    there: dict[str, Setting] = {"partition/it": partition, "call-template/it": template, "incoming-server/it": SERVER}
    silent = the_one(known(view=ViewSnapshot(settings=SettingsSnapshot(there))))
    assert silent.severity == "warning" and "calls of partition IT" in silent.what
    assert silent.link is not None and silent.link.parameters == {"id": "it"}
    there |= {
        "outgoing-server/out": OutgoingServer(id="out", from_address="it@desk.example"),
        "email-options/email-options": EmailOptions(default_outgoing_server="out"),
    }
    assert problems(known(view=ViewSnapshot(settings=SettingsSnapshot(there)))) == []


def test_a_secret_that_ends_soon_is_a_warning_before_it_is_trouble() -> None:
    problem = the_one(with_status(last_success=NOW, secret_ends="2026-12-24"))
    assert (problem.severity, "ends on 2026-12-24" in problem.what) == ("warning", True)
    assert "MAPI profile" in problem.remedy
