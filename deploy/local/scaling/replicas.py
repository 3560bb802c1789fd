"""The replicas of one stage as processes of this machine, kept as a Deployment with `maxSurge: 0` keeps its pods."""

import signal
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local import StartError
from deploy.local.child import Child
from deploy.local.ports import free_port, wait_until
from deploy.local.supervisor import why_not_ready
from runtime.config import ENV_PREFIX

READY_SECONDS = 300.0  # a dozen processes may start side by side on a machine that is busy
GRACE_SECONDS = 75.0  # `terminationGracePeriodSeconds` of the chart
_IN_ORDER = (None, 0, -signal.SIGTERM)  # the last: asked to end before it could listen for that


class _Replica(Child):
    """One process, with the port that its health is served on."""

    def __init__(self, stage: str, number: int, environment: Mapping[str, str], logs: Path) -> None:
        self.port = free_port()
        super().__init__(
            f"{stage}-{number}",
            (sys.executable, "-m", stage),
            log=logs / f"{stage}-{number}.log",
            environment={**environment, f"{ENV_PREFIX}METRICS_PORT": str(self.port)},
        )

    def is_ready(self) -> bool:
        return self.pid is not None and not why_not_ready(self.port)


class Replicas:
    """From the beginning to the end of its block. Its methods may be called from any thread.

    Nothing is restarted: a replica that ends before it is asked to is a fault, which `look` raises.
    """

    def __init__(self, stage: str, environment: Mapping[str, str], logs: Path) -> None:
        self.stage = stage
        self._make: Callable[[int], _Replica] = lambda number: _Replica(stage, number, environment, logs)
        self._made = 0
        self._replicas: list[_Replica] = []
        self._ended: list[_Replica] = []
        self._lock = threading.Lock()
        self._ending = ThreadPoolExecutor(thread_name_prefix=f"{stage}-ends")

    @property
    def count(self) -> int:
        """How many there are to be, ready or not."""
        return len(self._replicas)

    def scale(self, count: int) -> None:
        """Start what is missing and ask the youngest of what is too much to end, without waiting for either."""
        with self._lock:
            while len(self._replicas) < count:
                self._replicas.append(self._next())
                self._replicas[-1].start()
            while len(self._replicas) > count:
                self._end(self._replicas.pop())

    def roll(self) -> int:
        """Each one ended and then followed by a new one that is ready, one after the other. How many were replaced."""
        replaced = 0
        for old in tuple(self._replicas):
            with self._lock:
                if old not in self._replicas:
                    continue  # it has been scaled away meanwhile
                new = self._next()
                self._replicas[self._replicas.index(old)] = new
            self._ended.append(old)
            old.stop(GRACE_SECONDS)
            with self._lock:
                wanted = new in self._replicas
                if wanted:
                    new.start()
            if wanted:
                self._wait_ready(new)
                replaced += 1
        return replaced

    def wait_ready(self) -> None:
        """Until each is. Raises `StartError` with the end of its log where one is not."""
        for replica in tuple(self._replicas):
            self._wait_ready(replica)

    def wait_ended(self) -> None:
        """Until each that was asked to end has done so. Raises `StartError` as `look` does."""
        wait_until(lambda: all(replica.pid is None for replica in tuple(self._ended)), GRACE_SECONDS)
        self.look()

    def look(self) -> None:
        """Raises `StartError` if one that was asked to end was killed or failed."""
        for replica in tuple(self._ended):
            if replica.pid is None and replica.exit_code not in _IN_ORDER:
                raise StartError(
                    f"{replica.name} ended with exit code {replica.exit_code}; {replica.log} ends:\n"
                    f"{replica.log_tail()}"
                )

    def stop(self) -> None:
        """End all and wait for it."""
        self.scale(0)
        self._ending.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_ready(self, replica: _Replica) -> None:
        """Until it is, or is to be no more."""

        def is_wanted() -> bool:
            return replica in self._replicas

        wait_until(lambda: replica.is_ready() or replica.pid is None or not is_wanted(), READY_SECONDS)
        if is_wanted() and not replica.is_ready():
            raise StartError(
                f"{replica.name} was not ready after {READY_SECONDS:.0f} s, or has ended; {replica.log} ends:\n"
                f"{replica.log_tail()}"
            )

    def _next(self) -> _Replica:
        self._made += 1
        return self._make(self._made)

    def _end(self, replica: _Replica) -> None:
        self._ended.append(replica)
        self._ending.submit(replica.stop, GRACE_SECONDS)
