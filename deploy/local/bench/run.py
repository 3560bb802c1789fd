"""One run of the benchmark: everything started, warmed up, then measured; with another build, in turns with it."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from deploy.local.bench.checkout import THIS_BUILD, checked_out
from deploy.local.bench.idle import Idle, measure_idle
from deploy.local.bench.measure import compiler_seconds, cpu_seconds
from deploy.local.bench.result import Comparison, Measured, Result
from deploy.local.bench.scale import Scale
from deploy.local.bench.servers import start_broker
from deploy.local.bench.side import Side
from deploy.local.bench.turns import in_turns

COMPILING_SHARE = 0.15  # of its CPU that the broker spends on compiling its own code: below it, it is warm


@dataclass(frozen=True)
class Options:
    """How many mails and turns, of each build; `compare` names another revision. See `docs/benchmark.md`."""

    mails: int
    burst: int
    warm_up: int
    latency_mails: int
    latency_turn: int
    per_second: float
    starts: int
    idle_cpu_seconds: float
    idle_turn: float
    idle_mailboxes: int
    idle_seconds: float
    instances: int
    mailboxes: int
    persons: int
    items: int
    seed: int
    compare: str | None
    compare_smallest: bool  # the other build as large as `Scale()` says

    @property
    def scale(self) -> Scale:
        return Scale(self.instances, self.mailboxes, self.persons, self.items)


class Bench:
    """One run. What is measured lies next to one another in time, for both builds."""

    def __init__(self, options: Options, directory: Path, stack: ExitStack, console: Console) -> None:
        self._options = options
        self._directory = directory
        self._console = console
        self._say("starting the broker, and PostgreSQL, mail host and sink" + (", twice" if options.compare else ""))
        broker = start_broker(directory, stack)
        new_side = partial(Side, broker=broker, stack=stack, seed=options.seed)
        self._sides = [new_side("this build", THIS_BUILD, directory=directory / "this", scale=options.scale)]
        if options.compare:
            other = stack.enter_context(checked_out(options.compare, directory / "source"))
            scale = Scale() if options.compare_smallest else options.scale
            self._sides.append(new_side(options.compare, other, directory=directory / "other", scale=scale))
        self._measured = {side.name: Measured() for side in self._sides}

    def run(self) -> Result:
        for side in self._sides:
            side.prepare()
        self._measure_starts()
        with ExitStack() as watching:
            watches = {side: watching.enter_context(side.memory_watch()) for side in self._sides}
            self._warm_up()
            self._measure_bursts()
            self._measure_latency()
        for side, watch in watches.items():
            self._measured[side.name].peak_rss_mb = watch.peak_mb()
        self._measure_idle_cpu()
        return self._result()

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False)

    def _turns(self, rounds: int) -> Iterator[tuple[Side, Measured]]:
        """Each side in its turns, the other one standing still meanwhile."""
        for side in in_turns(self._sides, rounds):
            with self._others_still(side):
                yield side, self._measured[side.name]

    def _others_still(self, side: Side) -> ExitStack:
        stack = ExitStack()
        for other in self._sides:
            if other is not side:
                stack.enter_context(other.standing_still())
        return stack

    def _measure_starts(self) -> None:
        """Where there are several, the first one of each build compiles its code and is not counted."""
        starts = self._options.starts
        self._say(f"starting the pipeline, {starts} times")
        for side, measured in self._turns(starts - 1):
            measured.starts.append(side.start_and_stop())
        for side, measured in self._turns(1):
            measured.starts = [*measured.starts[1:], side.start()]

    def _warm_up(self) -> None:
        """Until the broker's compiler has little left to do; as many mails for each side."""
        size = min(self._options.burst, self._options.warm_up)
        self._say(f"warming up with {self._options.warm_up} mails at most")
        for _ in range(self._options.warm_up // size if size else 1):
            compiling, spent = self._broker_cpu()
            for side, _ in self._turns(1):
                side.burst(size)
            compiling_after, spent_after = self._broker_cpu()
            if compiling_after - compiling < COMPILING_SHARE * (spent_after - spent):
                break

    def _broker_cpu(self) -> tuple[float, float]:
        """CPU seconds of its compiler, and all."""
        pid = self._sides[0].pids["broker"]
        return compiler_seconds(pid), cpu_seconds(pid)

    def _measure_bursts(self) -> None:
        options = self._options
        rounds = max(1, options.mails // options.burst)
        self._say(f"measuring {rounds} bursts of {options.burst} mails")
        for side, measured in self._turns(rounds):
            measured.bursts.append(side.burst(options.burst))

    def _measure_latency(self) -> None:
        options = self._options
        rounds = -(-options.latency_mails // options.latency_turn)
        if rounds:
            self._say(f"measuring the latency of {options.latency_mails} mails at {options.per_second:g} a second")
        for side, measured in self._turns(rounds):
            measured.latencies.append(side.paced(options.latency_mails // rounds, options.per_second))

    def _measure_idle_cpu(self) -> None:
        options = self._options
        rounds = max(1, round(options.idle_cpu_seconds / options.idle_turn))
        self._say(f"measuring {options.idle_cpu_seconds:g} s without a mail")
        for side, measured in self._turns(rounds):
            measured.idle.append(side.idle_cpu(options.idle_cpu_seconds / rounds))

    def _result(self) -> Result:
        self._say("checking the outcome of each mail")
        outcomes = {side.name: side.outcome() for side in self._sides}
        this, *others = self._sides
        measured = self._measured[this.name]
        for side in self._sides:
            side.stop()
        comparisons = [
            Comparison.of(other.name, measured, self._measured[other.name], outcomes[other.name]) for other in others
        ]
        return Result(
            measured, outcomes[this.name], self._measure_mailboxes(this), comparisons[0] if comparisons else None
        )

    def _measure_mailboxes(self, side: Side) -> Idle | None:
        """With the pipeline at its end, so that nothing else uses the broker."""
        count = self._options.idle_mailboxes
        if not count:
            return None
        self._say(f"measuring ingest with {count} idle mailboxes")
        return measure_idle(count, side.servers.broker, self._directory / "idle", self._options.idle_seconds)
