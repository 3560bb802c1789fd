"""One follower of the topics on which what was asked for is answered; each question waits for its id.

Instead of a consumer a question: it stands at the ends of the topics before anything is asked, so that no answer can be
too quick. What is kept is bounded: `MAX_KEPT` questions, each for `KEPT_SECONDS` at most.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from console.desk.desk_commands import read_dead_letter, read_event
from console.live.hub import Tell
from console.servers.server_tests import read_result
from console.views.follower import Follower
from runtime.config import ProcessConfig
from runtime.outages import OutageError
from runtime.telemetry.health import Health
from schemas.reasons import Reason
from schemas.topics import CALL_EVENTS, DESK_REQUESTED, SERVER_TEST_RESULTS
from schemas.wire import Record

ANSWERS = "answers"  # what open pages are told by
KEPT_SECONDS = 900.0
MAX_KEPT = 1_000
READY_SECONDS = 10.0

# From a record, the id of what it answers, and the answer; None where it is no answer of ours.
Reader = Callable[[Record], "tuple[str, Any] | None"]


@dataclass(frozen=True, slots=True)
class _Question:
    future: "Future[Any]"
    asked_at: float


class Answers:
    """`readers`: how an answer is read, by the full name of its topic. `changed` is called after answers have come."""

    def __init__(
        self,
        config: ProcessConfig,
        readers: Mapping[str, Reader],
        changed: Tell,
        health: Health | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._readers = readers
        self._changed = changed
        self._clock = clock
        self._lock = threading.Lock()
        self._questions: dict[str, _Question] = {}
        self._follower = Follower(config, "answers", list(readers), self._take, from_end=True, health=health)

    def start(self, stop: threading.Event) -> None:
        """Starts to follow; returns at once."""
        self._follower.start(stop)

    def join(self) -> None:
        self._follower.join()

    def expect(self, id_: str) -> "Future[Any]":
        """To be called before the question is asked: the future ends with its answer.

        `result(seconds)` waits; a page looks for it later by `answer`. Raises `OutageError` where the broker is
        unavailable: then nothing is to be asked, since the answer could be missed.
        """
        if not self._follower.wait_ready(READY_SECONDS):
            raise OutageError(Reason.BROKER_AWAY, "the topics of the answers cannot be read")
        question = _Question(Future(), self._clock())
        with self._lock:
            self._forget_old()
            self._questions[id_] = question
        return question.future

    def answer(self, id_: str) -> "Future[Any] | None":
        """What `expect` gave for this id, for `KEPT_SECONDS`; None: never asked here, or too long ago."""
        with self._lock:
            question = self._questions.get(id_)
        return question.future if question else None

    def _take(self, records: Sequence[Record]) -> None:
        with self._lock:
            if all(question.future.done() for question in self._questions.values()):
                return  # nobody waits: what the desk does all day need not be decoded
        answered = False
        for record in records:
            found = self._readers[record.topic](record)
            if found is None:
                continue
            with self._lock:
                question = self._questions.get(found[0])
                if question is not None and not question.future.done():
                    question.future.set_result(found[1])
                    answered = True
        if answered:
            self._changed((ANSWERS,))

    def _forget_old(self) -> None:
        """The oldest go first. Whoever still waits for one is told by `CancelledError`."""
        now = self._clock()
        for id_, question in list(self._questions.items()):
            if len(self._questions) < MAX_KEPT and now - question.asked_at < KEPT_SECONDS:
                break
            del self._questions[id_]
            question.future.cancel()


def readers(prefix: str) -> Mapping[str, Reader]:
    """By the full name of the topic: of a test a `ServerTestResult`, of a desk request its `Answer`, each by its id."""
    return {
        SERVER_TEST_RESULTS.name(prefix): read_result,
        CALL_EVENTS.name(prefix): _event,
        DESK_REQUESTED.dlq(prefix): _dead_letter,
    }


def _event(record: Record) -> tuple[str, Any] | None:
    answer = read_event(record)
    return None if answer is None else (answer.request_id, answer)


def _dead_letter(record: Record) -> tuple[str, Any] | None:
    answer = read_dead_letter(record)
    return None if answer is None else (answer.request_id, answer)
