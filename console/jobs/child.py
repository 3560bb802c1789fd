"""The child process of one job. stdin: one line of JSON that says what to do. stdout: lines of JSON, the last the end.

A process of its own: whatever it holds in memory goes with it, pages do not wait for it, and it can be ended at any
moment. It ends when its parent does (stdin ends).
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from console.config import ConsoleConfig
from console.errors import UserError
from console.jobs.kinds import BY_NAME
from runtime.kafka.topic_reader import TopicMissingError
from runtime.outages import OutageError
from runtime.security.redaction import conceal
from runtime.telemetry.logs import configure

TELL_SECONDS = 0.25  # progress is told no more often than this


def main() -> None:
    """Runs the job that stdin names."""
    asked = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    config = ConsoleConfig(**asked["config"])
    configure("console-job", config.log_level)
    _tell(_end_of(lambda: BY_NAME[asked["kind"]].run(config, asked["given"], _Progress())))


def _end_of(run: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """The last line: a result, or what went wrong. A fault of ours ends the process with its trace in the log."""
    try:
        return {"result": run()}
    except UserError as error:
        return _failed("; ".join(one.cause for one in error.problems), "; ".join(one.remedy for one in error.problems))
    except OutageError as error:
        return _failed(str(error), error.remedy)
    except TopicMissingError as error:
        return _failed(str(error), "")


def _failed(text: str, remedy: str) -> dict[str, Any]:
    return {"failed": {"text": conceal(text), "remedy": conceal(remedy)}}


class _Progress:
    def __init__(self) -> None:
        self._told_at = 0.0

    def __call__(self, done: int, doing: str) -> None:
        now = time.monotonic()
        if now - self._told_at >= TELL_SECONDS:
            self._told_at = now
            _tell({"done": done, "doing": doing})


def _tell(line: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
