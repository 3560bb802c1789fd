"""Loggers side by side on PostgreSQL: one waits for what another has in hand, and none for one that stands still."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from sqlalchemy import Engine, text

from desk import postgresql as frozen
from desk.bounced_addresses import add_bounce, bounced
from desk.engine import open_desk, read_transaction, write_transaction
from logger import transaction
from logger.db import thread_index
from runtime.outages import OutageError
from runtime.processing.outcomes import FinalOutcome, Ok
from schemas.resolved_mail import ResolvedMail
from tests.logger.frozen import SHORT, batch
from tests.logger.harness import NOW, Logger, make_mail, opened

SECONDS = 30  # by when what is waited for has happened
ORIGINAL = make_mail("original")
# Of this database alone: the server is shared with other tests.
_LOCKS = (
    "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
    " WHERE datname = current_database() AND locktype = 'advisory'"
)
_WAITING = text(f"{_LOCKS} AND NOT granted")
_HELD_UP = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


def answer(cause: str, *answered: str, **fields: Any) -> ResolvedMail:
    return make_mail(cause, f"{cause}@example.test", conversation={"message_ids": list(answered)}, **fields)


@contextmanager
def stopped_before_its_commit(logger: Logger, *mails: ResolvedMail) -> Iterator[Callable[[], list[FinalOutcome]]]:
    """The mails are stored, and nobody sees it before what this gives is called; that gives their outcomes."""
    in_hand_now, go_on = threading.Event(), threading.Event()
    write_thread_index = thread_index.write_thread_index
    thread: list[threading.Thread] = []

    def stopping(*arguments: object) -> None:
        write_thread_index(*arguments)  # type: ignore[arg-type]
        if not thread:
            thread.append(threading.current_thread())
            in_hand_now.set()
            assert go_on.wait(SECONDS)

    with mock.patch.object(transaction, "write_thread_index", stopping), ThreadPoolExecutor(1) as pool:
        feeding = pool.submit(logger.feed, *mails)
        try:
            assert in_hand_now.wait(SECONDS)

            def finish() -> list[FinalOutcome]:
                go_on.set()
                return feeding.result(SECONDS)

            yield finish
        finally:
            go_on.set()


def waits(engine: Engine, feeding: Future[list[FinalOutcome]]) -> bool:
    """Whether it waits for another logger; False where it has come to its end without."""
    deadline = time.monotonic() + SECONDS
    while not feeding.done():
        with read_transaction(engine) as connection:
            if connection.execute(_WAITING).scalar_one():
                return True
        assert time.monotonic() < deadline, "it neither waits nor ends"
        wait([feeding], 0.05)
    return False


@pytest.fixture
def two(postgres_desk_url: str) -> Iterator[tuple[Logger, Logger]]:
    with opened(postgres_desk_url) as one, opened(postgres_desk_url) as other:
        yield one, other


@pytest.mark.parametrize("answered", [("<original@example.test>",), ("<never-seen@x>", "<original@example.test>")])
def test_an_answer_waits_for_the_mail_that_another_logger_has_in_hand(
    two: tuple[Logger, Logger], answered: tuple[str, ...]
) -> None:
    one, other = two
    reply = answer("vera", *answered)
    with ThreadPoolExecutor(1) as pool, stopped_before_its_commit(one, ORIGINAL) as finish:
        feeding = pool.submit(other.feed, reply)
        assert waits(one.engine, feeding)
        assert finish() == [Ok()]
        assert feeding.result(SECONDS) == [Ok()]
    assert one.outcome(ORIGINAL) == ("call-logged", "C-000001")
    assert one.outcome(reply) == ("item-updated", "C-000001")


def test_other_mails_and_other_desks_do_not_wait(two: tuple[Logger, Logger]) -> None:
    one, other = two
    others = [
        answer("vera", "<another@example.test>"),
        answer("ben", "<original@example.test>", call_template="hr-call"),
    ]
    with ThreadPoolExecutor(1) as pool, stopped_before_its_commit(one, ORIGINAL) as finish:
        feeding = pool.submit(other.feed, *others)
        assert not waits(one.engine, feeding)
        assert feeding.result(SECONDS) == [Ok(), Ok()]
        assert finish() == [Ok()]
    assert {one.outcome(mail)[0] for mail in (*others, ORIGINAL)} == {"call-logged"}


def test_two_loggers_whose_mails_answer_each_others_do_not_lock_each_other_up(two: tuple[Logger, Logger]) -> None:
    threads = [[f"{side}{n}" for n in range(20)] for side in "ab"]
    batches = [
        [answer(own, f"<{other}@example.test>") for own, other in zip(mine, reversed(others), strict=True)]
        for mine, others in (threads, threads[::-1])
    ]
    barrier = threading.Barrier(2)

    def feed(logger: Logger, mails: list[ResolvedMail]) -> list[FinalOutcome]:
        barrier.wait(SECONDS)
        return logger.feed(*mails)

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(feed, logger, mails) for logger, mails in zip(two, batches, strict=True)]:
            assert future.result(SECONDS) == [Ok()] * 20
    outcomes = Counter(outcome for outcome, _ in two[0].outcomes().values())
    assert outcomes == {"call-logged": 20, "item-updated": 20}


def test_a_batch_takes_no_more_locks_than_a_small_database_has(two: tuple[Logger, Logger]) -> None:
    """However many its mails have."""
    one, other = two
    odd = answer("odd", "<" + "\n<x@y> IT" * 90)
    with mock.patch.object(thread_index, "MOST", 5), stopped_before_its_commit(one, *batch(), odd) as finish:
        with read_transaction(other.engine) as connection:
            held = connection.execute(text(_LOCKS)).scalar_one()
        assert held == 5
        finish()


@pytest.mark.parametrize(("place", "met"), [("between statements", 0), ("in a copy", 1)])
def test_a_frozen_logger_holds_up_nobody_and_doubles_nothing(postgres_desk_url: str, place: str, met: int) -> None:
    """`met`: how often the other logger meets the locks before it ends the frozen one's session."""
    with mock.patch.object(frozen, "_SESSION", SHORT), opened(postgres_desk_url) as logger:
        logger.feed(ORIGINAL)
        command = [sys.executable, "-m", "tests.logger.frozen", postgres_desk_url, place]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            try:
                _, status = os.waitpid(child.pid, os.WUNTRACED)
                assert os.WIFSTOPPED(status), status
                reply = answer("vera", "<original@example.test>")
                with mock.patch.object(frozen, "FROZEN_SECONDS", 1):
                    for _ in range(met):
                        with pytest.raises(OutageError, match="may be frozen"):
                            logger.feed(reply)
                    assert logger.feed(reply) == [Ok()]
                os.kill(child.pid, signal.SIGCONT)
                assert re.fullmatch(r"outage: .*\nstored 10\n", child.communicate(timeout=SECONDS)[0])
            finally:
                child.kill()
        assert logger.feed(*batch(), reply) == [Ok()] * 11  # as after a rebalance: all are known
        assert Counter(logger.outcomes().values()) == {("call-logged", "C-000001"): 1, ("item-updated", "C-000001"): 11}
        assert logger.item("C-000001").version == 3


def test_two_loggers_that_count_bounces_of_one_address_count_all(two: tuple[Logger, Logger]) -> None:
    one, other = (logger.engine for logger in two)
    address = "ann@example.test"

    def count() -> None:
        with write_transaction(other) as connection:
            add_bounce(connection, address, "5.1.1", NOW, 0)

    count()
    with ThreadPoolExecutor(1) as pool, write_transaction(one) as connection:
        add_bounce(connection, address, "5.1.1", NOW, 0)
        counting = pool.submit(count)
        deadline = time.monotonic() + SECONDS
        while not connection.execute(_HELD_UP).scalar_one():
            assert time.monotonic() < deadline and not counting.done()
            time.sleep(0.01)
    counting.result(SECONDS)
    with read_transaction(one) as connection:
        assert bounced(connection, [address])[address].bounces == 3


def test_the_time_outs_are_those_of_the_session(postgres_desk_url: str) -> None:
    with read_transaction(open_desk(postgres_desk_url)) as connection:
        settings = {name: connection.execute(text(f"SHOW {name}")).scalar_one() for name in frozen._SESSION}
    assert settings["idle_in_transaction_session_timeout"] == "30s"
    assert settings["lock_timeout"] == "1min"
    assert settings["timezone"] == "UTC"
