"""`mailcall topics`: the catalogue's topics at the broker."""

import typer

from console.commands.options import Json, config_of
from console.output import print_json, print_table
from schemas.topics import DAY_MS, HOUR_MS

_UNITS = (("year", 365 * DAY_MS), ("day", DAY_MS), ("hour", HOUR_MS), ("millisecond", 1))

app = typer.Typer(help="The topics of the catalogue.", no_args_is_help=True)


@app.command()
def create(context: typer.Context, json: Json = False) -> None:
    """Create the topics that are missing. May be run again at any time; nothing is changed or deleted."""
    from console.operations.topics import create as create_missing

    report = create_missing(config_of(context))
    if json:
        print_json(report)
        return
    for name in report.created:
        print(f"created {name}")
    for sentence in report.differing:
        print(f"note: {sentence}")
    print(f"{len(report.created)} created, {len(report.present)} were there already")


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """Every topic: what it holds, who writes and reads it, and whether the broker has it."""
    from runtime.topic_setup import missing_topics
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
        print(f"\nmissing: {', '.join(sorted(missing))}\n`mailcall topics create` makes them")


def _kept(retention_ms: int | None) -> str:
    """How long the broker keeps a record, in the largest unit that comes out even."""
    if retention_ms is None:
        return "newest of each key"
    unit, length = next((unit, length) for unit, length in _UNITS if retention_ms % length == 0)
    number = retention_ms // length
    return f"{number} {unit}{'' if number == 1 else 's'}"
