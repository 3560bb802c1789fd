"""Every mail is accounted for: the account itself, and the command with real stages, topics and desk."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from console.audit.dead_letters import dead_letters
from console.audit.reconcile_mails import DOUBLE, ENDS, MISSING, ON_THE_WAY, ReconcileInput, balance
from console.config import ConsoleConfig
from deploy.local.ports import wait_until
from desk.engine import write_transaction
from desk.tables import mails
from runtime.kafka.producer import ProducerRecord, Publisher
from schemas import ids
from schemas.topics import MAIL_FETCHED
from tests.console.conftest import DEMO, Mailcall, fetched, mail

A, B = "a" * 32, "b" * 32


def facts(**changes: Any) -> ReconcileInput:
    known: dict[str, Any] = {"fetched": {A: 1}, "ends": {}, "places": {A: (("resolver", 3, 7),)}, "positions": {}}
    return ReconcileInput(**{**known, **changes})


@pytest.mark.parametrize("end", ENDS)
def test_a_mail_that_ended_once_is_accounted_for(end: str) -> None:
    account = balance(facts(ends={A: frozenset({(end, "detail")})}, positions={("resolver", 3): 8}))

    assert account.balanced
    assert (account.statuses[0].end, account.statuses[0].detail) == (end, "detail")
    assert account.outcomes[end] == account.mails == 1


@pytest.mark.parametrize(
    ("places", "positions", "end"),
    [
        ((("resolver", 3, 7),), {}, ON_THE_WAY),
        ((("resolver", 3, 7),), {("resolver", 3): 7}, ON_THE_WAY),
        ((("resolver", 3, 7),), {("resolver", 3): 8}, MISSING),
        ((("resolver", 3, 7), ("logger", 0, 5)), {("resolver", 3): 8, ("logger", 0): 5}, ON_THE_WAY),
        ((("resolver", 3, 7), ("logger", 0, 5)), {("resolver", 3): 8, ("logger", 0): 6}, MISSING),
        ((("resolver", 3, 7), ("resolver", 3, 9)), {("resolver", 3): 8}, ON_THE_WAY),
    ],
)
def test_a_mail_without_an_end_waits_or_is_missing(
    places: tuple[tuple[str, int, int], ...], positions: dict[tuple[str, int], int], end: str
) -> None:
    account = balance(facts(places={A: places}, positions=positions))

    assert account.statuses[0].end == end
    assert account.balanced == (end == ON_THE_WAY)


def test_two_ends_are_one_too_many_but_for_a_dead_letter_that_came_through_later() -> None:
    double = balance(facts(ends={A: frozenset({("call-logged", "C-000001"), ("rejected", "loop")})}))
    replayed = balance(facts(ends={A: frozenset({("dead-lettered", "unknown-server"), ("call-logged", "C-000001")})}))
    again = balance(facts(ends={A: frozenset({("dead-lettered", "unknown-server")})}))

    assert not double.balanced
    assert double.statuses[0].end == DOUBLE
    assert replayed.balanced
    assert replayed.statuses[0].end == "call-logged"
    assert again.statuses[0].end == ON_THE_WAY


@pytest.mark.parametrize("refusal", [("rejected", "quarantine"), ("notification-result", "")])
def test_a_mail_that_was_sent_on_once_more_ends_as_it_does_after_that(refusal: tuple[str, str]) -> None:
    logged, places = ("call-logged", "C-000001"), {A: (("resolver", 3, 7), ("resolver", 3, 9))}

    def end(*ends: tuple[str, str], passed: int = 10) -> str:
        known = facts(
            ends={A: frozenset(ends)}, places=places, positions={("resolver", 3): passed}, again=frozenset({A})
        )
        return balance(known).statuses[0].end

    assert end(refusal, passed=9) == ON_THE_WAY
    assert end(refusal, logged) == "call-logged"
    assert end(refusal) == refusal[0]
    assert end(refusal, logged, ("item-updated", "C-000002")) == DOUBLE


def test_a_mail_fetched_twice_is_one_mail_and_ends_of_older_mails_do_not_count() -> None:
    account = balance(facts(fetched={A: 2}, ends={key: frozenset({("call-logged", "")}) for key in (A, B)}))

    assert (account.mails, account.records, account.outcomes["call-logged"]) == (1, 2, 1)


def test_the_command_follows_mails_to_their_ends_and_through_a_replay(
    run: Mailcall,
    config: ConsoleConfig,
    publisher: Publisher,
    desk: Engine,
    start_stages: Callable[[], None],
) -> None:
    assert run("apply", DEMO).code == 0
    machine = b"From: it@desk.example\r\nX-Mailcall-Loop: 1\r\nSubject: our own\r\n\r\nHello\r\n"
    mails_ = [*(fetched(mail(number)) for number in range(5)), fetched(machine), fetched(mail(9), "not-yet")]
    publisher.publish(mails_)
    publisher.publish(mails_[:2])  # read from the mailbox a second time
    garbage = ProducerRecord(MAIL_FETCHED.name(config.topic_prefix), b"k", b"no envelope", (("ce_type", b"nonsense"),))
    publisher.publish([garbage])

    before = json.loads(run("reconcile", "--json").out)
    start_stages()
    waited = run("reconcile", "--wait", "60", "--json")
    after = json.loads(waited.out)

    assert (before["mails"], before["outcomes"][ON_THE_WAY], before["balanced"]) == (8, 8, True)
    assert waited.code == 0
    assert (after["mails"], after["records"], after["balanced"]) == (8, 10, True)
    counts = {end: count for end, count in after["outcomes"].items() if count}
    assert counts == {"call-logged": 5, "rejected": 1, "dead-lettered": 2}

    letters = {letter.reason: letter for letter in dead_letters(config)}
    assert set(letters) == {"unknown-server", "wrong-type"}
    missing = letters["unknown-server"]
    shown = run("dead-letters", "show", missing.id)
    assert "unknown-server" in shown.out
    assert "Hello" not in shown.out + run("dead-letters", "list").out + run("dead-letters", "list", "--json").out

    server = DEMO.with_name("demo.yaml").read_text().replace("id: it-mailbox", "id: not-yet")
    extra = Path(config.desk_url.removeprefix("sqlite:///")).with_name("extra.yaml")
    extra.write_text(server)
    assert run("apply", extra).code == 0
    assert "1 replayed" in run("dead-letters", "replay", "--id", missing.id).out
    balanced = json.loads(run("reconcile", "--wait", "60", "--each", "--json").out)
    assert balanced["balanced"]
    assert {one["mail_id"]: one["end"] for one in balanced["each"]}[ids.mail_id("not-yet", mail(9))] == "call-logged"
    assert next(letter for letter in dead_letters(config) if letter.id == missing.id).replayed_at


def test_a_mail_that_no_stage_holds_any_more_is_missing(
    run: Mailcall, publisher: Publisher, desk: Engine, start_stages: Callable[[], None]
) -> None:
    run("apply", DEMO)
    publisher.publish([fetched(mail(number)) for number in range(3)])
    start_stages()
    assert run("reconcile", "--wait", "60").code == 0
    with write_transaction(desk) as connection:
        connection.execute(mails.delete().where(mails.c.mail_id == ids.mail_id("it-mailbox", mail(1))))

    # On its way until the stages have committed what they handled.
    assert wait_until(lambda: run("reconcile").code == 1, 60)
    ran = run("reconcile")
    assert ids.mail_id("it-mailbox", mail(1)) in ran.out
    assert "out of balance" in ran.out
