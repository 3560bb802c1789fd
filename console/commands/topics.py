"""`mailcall topics`: the catalogue's topics at the broker."""

import typer

from console.commands.options import Json, config_of
from console.output import print_json, print_table

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
    from schemas.topics import DAY_MS, TOPICS

    config = config_of(context)
    missing = set(missing_topics(config))
    rows = [
        {
            "topic": topic.name(config.topic_prefix),
            "there": topic.name(config.topic_prefix) not in missing,
            "key": topic.key,
            "kept": "compacted" if topic.retention_ms is None else f"{topic.retention_ms / DAY_MS:g} days",
            "written by": ", ".join(topic.writers),
            "read by": ", ".join(topic.readers),
        }
        for topic in TOPICS
    ]
    if json:
        print_json({"topics": rows, "missing": sorted(missing)})
        return
    print_table(list(rows[0]), ([*map(_yes_no, row.values())] for row in rows), "")
    if missing:
        print(f"\nmissing: {', '.join(sorted(missing))}\n`mailcall topics create` makes them")


def _yes_no(value: object) -> object:
    return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
