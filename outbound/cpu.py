"""The CPU time of each step of a message, for the metric `mailcall_outbound_cpu_seconds_total`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from runtime.telemetry.metrics import OUTBOUND_CPU_SECONDS

Step = Literal["render", "send", "record"]
_COUNTERS = {step: OUTBOUND_CPU_SECONDS.labels(step) for step in ("render", "send", "record")}


@contextmanager
def counted(step: Step) -> Iterator[None]:
    """Counts the CPU time of this thread within the block."""
    began = time.thread_time()
    try:
        yield
    finally:
        _COUNTERS[step].inc(time.thread_time() - began)
