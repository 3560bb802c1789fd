"""CPU of a run's processes, by stage and in sums. Pure."""

from collections.abc import Mapping

from deploy.local.pipeline import PROCESSES

APART = ("mail_host", "sink")  # make the load, and are no part of the pipeline


def by_stage(figures: Mapping[str, float]) -> dict[str, float]:
    """With those of further instances added to the first one's."""
    stages: dict[str, float] = {}
    for name, figure in figures.items():
        stage = name.partition("-")[0]
        stages[stage] = stages.get(stage, 0.0) + figure
    return stages


def ms_per_mail(before: Mapping[str, float], after: Mapping[str, float], mails: int) -> dict[str, float]:
    return {name: (seconds - before.get(name, 0.0)) * 1000 / mails for name, seconds in after.items()}


def with_sums(cpu: Mapping[str, float]) -> dict[str, float]:
    """`processes`: of the pipeline; `total`: theirs, broker and database."""
    return {
        **cpu,
        "processes": sum(cpu[name] for name in PROCESSES),
        "total": sum(cost for name, cost in cpu.items() if name not in APART),
    }
