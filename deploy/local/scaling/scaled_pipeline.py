"""A pipeline whose stages are scaled as KEDA would.

Broker, PostgreSQL, SMTP sink and every instance are processes of this machine. Only the cluster is computed
(`autoscaler.py`), from the ScaledObjects that the chart renders and the offsets that the broker reports.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from deploy.local import NotAvailableError
from deploy.local.bench.sink import SinkProcess
from deploy.local.checkers.chart import scaled_objects
from deploy.local.pipeline import Pipeline
from deploy.local.scaling.autoscaler import SYNC_SECONDS, Autoscaler
from deploy.local.scaling.group_offsets import GroupOffsets
from deploy.local.scaling.replicas import Replicas
from deploy.local.scaling.storm_mails import StormMail, make_mails, storm_settings
from deploy.local.scaling.storm_result import Kind, Outcome, Result, Sample, outcome
from desk.engine import open_desk, read_transaction
from desk.migrate import upgrade
from runtime.kafka.producer import Publisher
from schemas.scaling import SCALED, topics_of

QUIET_SECONDS = 300.0  # where nothing has changed for this long, nothing will


class ScaledPipeline:
    """The stages that are scaled, each with its replicas and what decides on their number. Everything is ready.

    `pace`: how much faster than in a cluster decisions are made and windows pass.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        sink: SinkProcess,
        chart: Sequence[Mapping[str, Any]],
        pace: float,
        say: Callable[[str], None],
        stack: ExitStack,
    ) -> None:
        self._pipeline, self._sink, self._pace, self._say = pipeline, sink, pace, say
        self._sent = 0
        read = {stage_of(one): Autoscaler.read(one, pace) for one in chart}
        self._scalers = {stage: read[stage] for stage in SCALED}  # in the order in which a mail passes them
        self._held: list[str] = []
        self._offsets = stack.enter_context(GroupOffsets(pipeline.config))
        self._replicas = {
            stage: stack.enter_context(Replicas(stage, pipeline.environment, pipeline.directory / "logs"))
            for stage in self._scalers
        }
        self._engine = open_desk(pipeline.config.desk_url)
        stack.callback(self._engine.dispose)
        self._start()

    def _start(self) -> None:
        upgrade(self._engine)
        self._pipeline.create_topics()
        settings = storm_settings(self._sink.host, self._sink.port)
        self._pipeline.apply(settings, "storm")
        for stage, scaler in self._scalers.items():
            self._replicas[stage].scale(max(1, scaler.least))
        for replicas in self._replicas.values():
            replicas.wait_ready()
        self._pipeline.wait_for_persons(settings)

    def storm(self, count: int, kind: Kind = Kind.PLAIN) -> Result:
        """This many mails at once, until each is answered and every stage has its fewest replicas again."""
        sent = list(make_mails(range(self._sent, self._sent + count)))
        self._sent += count
        at_work = list(self._scalers)
        if kind.held:
            at_work, self._held = at_work[:1], at_work[1:]
            self._end(self._held)
        samples = [Sample(0.0, self._counts(), dict.fromkeys(self._scalers, 0), self._sink.count(), 0)]
        with closing(Publisher(self._pipeline.config, "storm")) as publisher:
            publisher.publish([mail.message for mail in sent])
        with ThreadPoolExecutor(len(self._replicas)) as pool:
            rolls: dict[str, Future[int]] = {}
            for sample in self._samples():
                samples.append(sample)
                is_done = not any(sample.lag[stage] for stage in at_work)
                if kind.rolled and at_work[-1] not in rolls and (is_done or self._is_at_most(sample, at_work)):
                    self._say(f"rolling {', '.join(at_work)}")
                    rolls |= {stage: pool.submit(self._replicas[stage].roll) for stage in at_work}
                if (kind.rolled and at_work[-1] not in rolls) or not all(one.done() for one in rolls.values()):
                    continue
                if self._held and is_done:
                    at_work = [self._held.pop(0)]
                elif sample.answers >= self._sent and self._is_at_least(sample):
                    break
            replaced = {stage: one.result() for stage, one in rolls.items()}
        return Result(kind, replaced, samples, self._outcome(sent))

    def _end(self, stages: Sequence[str]) -> None:
        for stage in stages:
            self._replicas[stage].scale(0)
        for stage in stages:
            self._replicas[stage].wait_ended()

    def _samples(self) -> Iterator[Sample]:
        """One after each decision. Raises `NotAvailableError` where nothing changes any more."""
        began = changed = time.monotonic()
        last: Sample | None = None
        while True:
            lag = {stage: self._decide(stage) for stage in self._scalers}
            now = time.monotonic()
            sample = Sample(round(now - began, 1), self._counts(), lag, self._sink.count(), self._deferred())
            if last is None or replace(sample, at=last.at) != last:
                changed, last = now, sample
            elif now - changed > QUIET_SECONDS:
                raise NotAvailableError(
                    f"nothing has changed for {QUIET_SECONDS:.0f} s: {asdict(sample)}; see the logs in "
                    f"{self._pipeline.directory / 'logs'}"
                )
            yield sample
            time.sleep(SYNC_SECONDS / self._pace)

    def _decide(self, stage: str) -> int:
        """One decision of the autoscaler, acted on. The lag that KEDA gave it: that of its worst topic."""
        scaler, replicas = self._scalers[stage], self._replicas[stage]
        replicas.look()
        (group,) = {trigger.group for trigger in scaler.triggers}
        offsets = self._offsets.read(group, [trigger.topic for trigger in scaler.triggers])
        lag = max(trigger.metric(offsets[trigger.topic]).lag for trigger in scaler.triggers)
        if stage in self._held:
            return lag
        decided = scaler.decide(time.monotonic(), replicas.count, offsets)
        if decided != replicas.count:
            self._say(f"{stage}: lag {lag}, {replicas.count} -> {decided}")
            replicas.scale(decided)
        return lag

    def _deferred(self) -> int:
        found = 0
        for stage, scaler in self._scalers.items():
            prefix = self._pipeline.config.topic_prefix
            topics = [topic.retry(prefix) for topic in topics_of(stage) if topic.deferred]
            if topics:
                offsets = self._offsets.read(scaler.triggers[0].group, topics)
                found += sum(one.end - max(one.committed, one.first) for all_ in offsets.values() for one in all_)
        return found

    def _counts(self) -> dict[str, int]:
        return {stage: replicas.count for stage, replicas in self._replicas.items()}

    def _is_at_most(self, sample: Sample, stages: Sequence[str]) -> bool:
        return any(sample.replicas[stage] == self._scalers[stage].most for stage in stages)

    def _is_at_least(self, sample: Sample) -> bool:
        return all(count == self._scalers[stage].least for stage, count in sample.replicas.items())

    def _outcome(self, sent: Sequence[StormMail]) -> Outcome:
        with read_transaction(self._engine) as connection:
            return outcome(connection, self._sink.answers(), sent)


def stage_of(scaled_object: Mapping[str, Any]) -> str:
    stage: str = scaled_object["metadata"]["labels"]["app.kubernetes.io/component"]
    return stage


@contextmanager
def scaled_pipeline(
    directory: Path,
    bootstrap_servers: str,
    desk_url: str,
    values: Mapping[str, Any],
    pace: float,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[ScaledPipeline]:
    """`values`: of the chart, beside those that follow from the rest. The broker may be one that others use, too."""
    prefix = f"storm-{uuid.uuid4().hex[:8]}"
    pipeline = Pipeline(
        directory, bootstrap_servers=bootstrap_servers, topic_prefix=prefix, desk_url=desk_url, processes=()
    )
    kafka = {"bootstrapServers": bootstrap_servers, "topicPrefix": prefix}
    with ExitStack() as stack:
        stack.callback(pipeline.delete_topics)
        sink = stack.enter_context(SinkProcess())
        yield ScaledPipeline(pipeline, sink, scaled_objects({**values, "kafka": kafka}), pace, say, stack)
