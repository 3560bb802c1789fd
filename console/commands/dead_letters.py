"""`mailcall dead-letters`: what no stage could handle, why, and sending it back."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from console.commands.options import Json, config_of
from console.output import print_fields, print_json, print_table
from schemas.topics import TOPICS

if TYPE_CHECKING:
    from schemas.topics import Topic

app = typer.Typer(help="Records that no stage could handle.", no_args_is_help=True)

_COLUMNS = ("id", "stage", "reason", "failed_at", "replayed_at", "message")
_TOPICS = [topic.short for topic in TOPICS if topic.dead_letters]
TopicName = Annotated[
    str | None,
    typer.Option("--topic", help=f"Only of this topic: {', '.join(_TOPICS)}.", autocompletion=lambda: _TOPICS),
]


@app.command("list")
def list_(context: typer.Context, topic: TopicName = None, json: Json = False) -> None:
    """Every dead letter: where it failed, why, and whether it was replayed."""
    from console.operations.dead_letters import dead_letters

    letters = dead_letters(config_of(context), _topics(topic))
    if json:
        print_json(letters)
    else:
        rows = ([getattr(letter, name) for name in _COLUMNS] for letter in letters)
        print_table(_COLUMNS, rows, "there are no dead letters")


@app.command()
def show(
    context: typer.Context,
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="As the list shows it: topic/partition/offset.")],
    json: Json = False,
) -> None:
    """One dead letter with all its headers. What it holds is not shown."""
    from console.operations.dead_letters import find

    letter, _ = find(config_of(context), letter_id)
    if json:
        print_json(letter)
        return
    print_fields((name, getattr(letter, name)) for name in letter.__slots__ if name != "headers")
    print("headers")
    print_fields((f"  {name}", value) for name, value in letter.headers.items())


@app.command()
def replay(
    context: typer.Context,
    topic: TopicName = None,
    letter_id: Annotated[
        list[str] | None, typer.Option("--id", help="Only this one, replayed already or not; may be given often.")
    ] = None,
    json: Json = False,
) -> None:
    """Send dead letters back to the topic they came from: those not yet replayed, or the named ones."""
    from console.operations import dead_letters
    from runtime.publisher import Publisher

    config = config_of(context)
    chosen = frozenset(letter_id) if letter_id else None
    with closing(Publisher(config, "console")) as publisher:
        replayed = dead_letters.replay(config, publisher, datetime.now(UTC), _topics(topic), chosen)
    if json:
        print_json([letter.id for letter in replayed])
        return
    for letter in replayed:
        print(f"replayed {letter.id}")
    print(f"{len(replayed)} replayed")


def _topics(short: str | None) -> "Sequence[Topic]":
    from console.operations.dead_letters import TOPICS_WITH_DEAD_LETTERS, topic_named

    return TOPICS_WITH_DEAD_LETTERS if short is None else (topic_named(short),)
