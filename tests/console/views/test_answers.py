"""One follower for all answers: each question gets its own, however quick; what nobody asks for again is forgotten."""

from concurrent.futures import CancelledError
from datetime import UTC, datetime

import pytest

from console.config import ConsoleConfig
from console.views import answers as module
from console.views.answers import Answers
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_setup import create_topics
from schemas.servers import ServerTestResult
from schemas.topics import SERVER_TEST_RESULTS
from schemas.wire import OutputRecord, Record, UndecodableError, decode, encode
from tests.console.views.following import SECONDS, Told, started

pytestmark = pytest.mark.broker


def result(test_id: str) -> OutputRecord:
    body = ServerTestResult(test_id=test_id, ok=True, steps=())
    return encode(SERVER_TEST_RESULTS, test_id, body, id=test_id, source="/t", time=datetime.now(UTC))


def read(record: Record) -> tuple[str, str] | None:
    try:
        found: ServerTestResult = decode(SERVER_TEST_RESULTS, record)[1]
    except UndecodableError:
        return None
    return found.test_id, f"answer to {found.test_id}"


def answers(config: ConsoleConfig, told: Told | None = None) -> Answers:
    return Answers(config, {SERVER_TEST_RESULTS.name(config.topic_prefix): read}, told or Told())


def test_every_question_gets_its_own_answer_whatever_the_order(config: ConsoleConfig, publisher: Publisher) -> None:
    create_topics(config)
    told = Told()
    asked = answers(config, told)
    with started(asked):
        first, second = asked.expect("1"), asked.expect("2")
        publisher.publish([OutputRecord(SERVER_TEST_RESULTS, "x", b"foreign"), result("0"), result("2"), result("1")])

        assert second.result(SECONDS) == "answer to 2"
        assert first.result(SECONDS) == "answer to 1"
        assert told.wait_for("answers")
        assert asked.answer("1") is first
        assert asked.answer("0") is None


def test_an_answer_that_was_there_before_is_none(config: ConsoleConfig, publisher: Publisher) -> None:
    create_topics(config)
    publisher.publish([result("1")])
    asked = answers(config)
    with started(asked):
        again, other = asked.expect("1"), asked.expect("2")
        publisher.publish([result("2")])

        assert other.result(SECONDS) == "answer to 2"
        assert not again.done()


def test_the_oldest_question_is_forgotten_where_there_are_too_many(
    config: ConsoleConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_KEPT", 2)
    create_topics(config)
    asked = answers(config)
    with started(asked):
        first, *_ = (asked.expect(str(number)) for number in range(3))

        assert (asked.answer("0"), first.cancelled()) == (None, True)
        assert asked.answer("1") is not None
        with pytest.raises(CancelledError):
            first.result(0)


def test_an_answer_is_kept_for_its_time_and_no_longer(config: ConsoleConfig) -> None:
    create_topics(config)
    now = [0.0]
    readers = {SERVER_TEST_RESULTS.name(config.topic_prefix): read}
    asked = Answers(config, readers, Told(), clock=lambda: now[0])
    with started(asked):
        asked.expect("1")
        now[0] = module.KEPT_SECONDS - 1
        asked.expect("2")
        assert asked.answer("1") is not None
        now[0] = module.KEPT_SECONDS
        asked.expect("3")
        assert asked.answer("1") is None
