"""`mailcall dead-letters`: records that no stage could process: list, show, replay, discard."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from console.command_line.options import Json, Who, one_line, services_of
from console.command_line.output import print_fields, print_json, print_table
from schemas.topics import TOPICS

if TYPE_CHECKING:
    from console.audit.dead_letters import DeadLetter
    from schemas.topics import Topic

app = typer.Typer(help="Dead letters: records that no stage could process.", no_args_is_help=True)

_COLUMNS = ("id", "stage", "reason", "failed_at", "replayed_at", "discarded_at", "message")
_TOPICS = [topic.short for topic in TOPICS if topic.dead_letters]
TopicName = Annotated[
    str | None,
    typer.Option("--topic", help=f"Only of this topic: {', '.join(_TOPICS)}.", autocompletion=lambda: _TOPICS),
]


@app.command("list")
def list_(context: typer.Context, topic: TopicName = None, json: Json = False) -> None:
    """Every dead letter: where it failed, why, and whether it was replayed or discarded."""
    from console.audit.dead_letters import letters_of

    letters = letters_of(services_of(context).mail_records, _topics(topic))
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
    """One dead letter with all its headers. Its content is not shown."""
    from console.audit.dead_letters import find

    letter, _ = find(services_of(context).mail_records, letter_id)
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
        list[str] | None, typer.Option("--id", help="Only this one, replayed already or not; repeatable.")
    ] = None,
    who: Who = "",
    json: Json = False,
) -> None:
    """Send dead letters back to the topic they came from: those not yet replayed, or the named ones."""
    from console.audit.dead_letter_actions import replay as replay_now

    chosen = frozenset(letter_id) if letter_id else None
    services = services_of(context)
    done = replay_now(services.mail_records, services.publisher, datetime.now(UTC), _topics(topic), chosen, who)
    _say("replayed", done, json)


@app.command()
def discard(
    context: typer.Context,
    letter_id: Annotated[list[str], typer.Option("--id", help="As the list shows it; repeatable.")],
    note: Annotated[str, typer.Option(callback=one_line, help="Why; it stays with the dead letter.")],
    who: Who = "",
    json: Json = False,
) -> None:
    """Discard dead letters: they stay on their topic, and are replayed only by their id."""
    from console.audit.dead_letter_actions import discard as discard_now

    services = services_of(context)
    done = discard_now(services.mail_records, services.publisher, datetime.now(UTC), letter_id, who, note)
    _say("discarded", done, json)


def _say(what: str, letters: "Sequence[DeadLetter]", json: bool) -> None:
    if json:
        print_json([letter.id for letter in letters])
        return
    for letter in letters:
        print(f"{what} {letter.id}")
    print(f"{len(letters)} {what}")


def _topics(short: str | None) -> "Sequence[Topic]":
    from console.audit.dead_letters import topic_named
    from console.mails.index.facts import TOPICS_WITH_DEAD_LETTERS

    return TOPICS_WITH_DEAD_LETTERS if short is None else (topic_named(short),)
