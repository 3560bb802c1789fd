"""`mailcall topics`: the catalogue's topics at the broker; `mailcall kafka`: the broker itself."""

from typing import Annotated

import typer

from console.command_line.options import Json, config_of
from console.command_line.output import print_json, print_table
from console.errors import UserError
from runtime.config import ProcessConfig
from runtime.kafka.topic_plans import Difference
from schemas.access import GROUPS, ROLES
from schemas.topics import DAY_MS, HOUR_MS

_UNITS = (("year", 365 * DAY_MS), ("day", DAY_MS), ("hour", HOUR_MS), ("millisecond", 1))

app = typer.Typer(help="The topics of the catalogue.", no_args_is_help=True)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Contact no broker: show what an administrator has to create.")]
Commands = Annotated[bool, typer.Option("--commands", help="With --dry-run: as commands of Kafka's own tools.")]
Strimzi = Annotated[
    str | None,
    typer.Option(metavar="CLUSTER", help="With --dry-run: as YAML for Strimzi. The name of its Kafka resource."),
]
Acls = Annotated[bool, typer.Option("--acls", help="With --dry-run: also what each program may do with them.")]


@app.command()
def create(
    context: typer.Context,
    dry_run: DryRun = False,
    commands: Commands = False,
    strimzi: Strimzi = None,
    acls: Acls = False,
    json: Json = False,
) -> None:
    """Create the topics that are missing, and report those whose settings differ.

    May be run again at any time; nothing is changed or deleted. Exit code 1 if records would be refused or lost.
    """
    config = config_of(context)
    if dry_run:
        if sum((commands, strimzi is not None, json)) > 1:
            raise UserError("it is shown in one way only", "choose one of --commands, --strimzi and --json")
        _show(config, commands=commands, cluster=strimzi, acls=acls, json=json)
    elif commands or strimzi is not None or acls:
        raise UserError("--commands, --strimzi and --acls show what would be created", "add --dry-run")
    else:
        _create(config, json=json)


def _create(config: ProcessConfig, *, json: bool) -> None:
    from console.topics.waiting import create as create_missing

    report = create_missing(config)
    if json:
        print_json(report)
    else:
        for name in report.created:
            print(f"created {name}")
        _tell(report.differing)
        if report.unchecked:
            print(f"not checked, since the broker does not disclose their settings: {', '.join(report.unchecked)}")
        print(f"{len(report.created)} created, {len(report.present)} were there already")
    if any(difference.matters for difference in report.differing):
        raise typer.Exit(1)


def _tell(differing: tuple[Difference, ...]) -> None:
    """What matters comes first; the reasons, which many topics share, once."""
    if not differing:
        return
    listed = sorted(differing, key=lambda one: not one.matters)
    rows = [("yes" if one.matters else "no", one.topic, one.setting, one.found, one.wanted) for one in listed]
    print_table(("matters", "topic", "setting", "is", "should be"), rows, "")
    for setting, why in dict.fromkeys((one.setting, one.why) for one in listed):
        print(f"{setting}: {why}")


def _show(config: ProcessConfig, *, commands: bool, cluster: str | None, acls: bool, json: bool) -> None:
    from console.topics import provisioning
    from runtime.kafka.topic_plans import plans

    prefix, servers, copies = config.topic_prefix, config.kafka_bootstrap_servers, config.topic_replication_factor
    topics = list(plans(prefix, config.kafka_max_record_bytes))
    if commands:
        print(provisioning.topic_commands(topics, servers, copies))
        if acls:
            print(provisioning.acl_commands(prefix, servers))
        return
    if cluster is not None:
        print(provisioning.strimzi_topics(topics, cluster, copies))
        if acls:
            print(provisioning.strimzi_users(prefix, cluster))
        return
    rights = [
        {"user": provisioning.user_of(program, prefix), "operation": rule.operation, "resource": rule.resource.lower(),
         "name": f"{rule.name}*" if rule.prefixed else rule.name}
        for program in (provisioning.PROGRAMS if acls else ())
        for rule in provisioning.rules(program, prefix)
    ]  # fmt: skip
    if json:
        print_json({"topics": topics, "acls": rights})
        return
    print_table(
        ("topic", "partitions", "copies", "settings"),
        (
            (plan.name, plan.partitions, "as the broker is set" if copies < 0 else copies,
             " ".join(f"{name}={value}" for name, value in plan.settings.items()))
            for plan in topics
        ),
        "",
    )  # fmt: skip
    if rights:
        print()
        print_table(list(rights[0]), ([*right.values()] for right in rights), "")


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """Every topic: what it holds, who writes and reads it, and whether the broker has it."""
    from runtime.kafka.topic_setup import missing_topics
    from schemas.topics import TOPICS

    config = config_of(context)
    missing = set(missing_topics(config))
    rows = [
        {
            "topic": topic.name(config.topic_prefix),
            "there": topic.name(config.topic_prefix) not in missing,
            "key": topic.key,
            "kept": _kept(topic.retention_ms),
            "written by": ", ".join(topic.writers),
            "read by": ", ".join(topic.readers),
        }
        for topic in TOPICS
    ]
    if json:
        print_json({"topics": rows, "missing": sorted(missing)})
        return
    print_table(list(rows[0]), ([*row.values()] for row in rows), "")
    if missing:
        print(f"\nmissing: {', '.join(sorted(missing))}\n`mailcall topics create` creates them")


@app.command()
def status(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until Ctrl-C.")] = False,
    seconds: Annotated[
        float, typer.Option(min=1, max=60, help="Between two samples; rates need two.", metavar="SECONDS")
    ] = 5.0,
    json: Json = False,
) -> None:
    """How the pipeline is doing: records written, waiting and consumed per topic, dead letters, problems."""
    from console.topics.status import show_once, watch_on

    (watch_on if watch else show_once)(config_of(context), seconds, json)


def _kept(retention_ms: int | None) -> str:
    """How long the broker keeps a record, in the largest unit that comes out even."""
    if retention_ms is None:
        return "newest of each key"
    unit, length = next((unit, length) for unit, length in _UNITS if retention_ms % length == 0)
    number = retention_ms // length
    return f"{number} {unit}{'' if number == 1 else 's'}"


kafka = typer.Typer(help="The Kafka broker.", no_args_is_help=True)


def _known(roles: list[str]) -> list[str]:
    for role in roles:
        if role not in ROLES:
            raise typer.BadParameter(f"no role {role!r}; there are {', '.join(ROLES)}")
    return roles


@kafka.command()
def check(
    context: typer.Context,
    role: Annotated[
        list[str],
        typer.Option(callback=_known, help="Whose rights to check; repeatable. Default: all processes."),
    ] = [*GROUPS],  # noqa: B006 - typer copies it
    json: Json = False,
) -> None:
    """Whether the processes could work with the broker: address, TLS, login, topics, rights and sizes, step by step.

    Run it with the settings of the process that it is about. Changes nothing. Exit code 1 where a step fails.
    """
    from console.topics.broker_check import check_broker

    checked = list(check_broker(config_of(context), role))
    ok = all(one.ok for one in checked)
    rows = [
        {
            "step": one.finding.step,
            "where": one.place,
            "outcome": "ok" if one.ok else str(one.finding.reason),
            "what": one.finding.text,
            "remedy": one.finding.remedy,
        }
        for one in checked
    ]
    if json:
        print_json({"ok": ok, "steps": rows})
    else:
        print_table(list(rows[0]), ([*row.values()] for row in rows), "")
    raise typer.Exit(0 if ok else 1)
