"""The CPU time of each step of a message, for the metric `mailcall_outbound_cpu_seconds_total`."""

import time
from typing import Literal

from runtime.telemetry.metrics import OUTBOUND_CPU_SECONDS

Step = Literal["render", "send", "record"]
_COUNTERS = {step: OUTBOUND_CPU_SECONDS.labels(step) for step in ("render", "send", "record")}


class counted:  # noqa: N801 - used like a function
    """Counts the CPU time of this thread within the block."""

    __slots__ = ("_began", "_counter")

    def __init__(self, step: Step) -> None:
        self._counter = _COUNTERS[step]

    def __enter__(self) -> None:
        self._began = time.thread_time()

    def __exit__(self, *_error: object) -> None:
        self._counter.inc(time.thread_time() - self._began)
