"""`mailcall`: puts the commands together, and tells what went wrong in one clear message."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from console.commands import (
    dead_letters,
    desk,
    desk_requests,
    explain,
    mail,
    notifications,
    persons,
    reconcile,
    replay,
    secrets,
    servers,
    settings,
    templates,
    topics,
)
from console.commands.options import Options
from console.operations.errors import UserError
from console.output import harmless
from runtime.outcomes import OutageError
from runtime.reader import TopicMissingError
from runtime.secrets import SecretError

USERS_MISTAKE = 2  # exit code
FAILED = 1

app = typer.Typer(
    name="mailcall",
    help="Mail in, calls logged, mail out: set up, look into and reconcile the pipeline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(topics.app, name="topics")
app.command("apply")(settings.apply)
app.command("export")(settings.export)
app.command("explain")(explain.explain)
desk.calls.command("log")(desk_requests.log_call)
app.add_typer(desk.calls, name="calls")
app.add_typer(desk_requests.tasks, name="tasks")
app.add_typer(desk_requests.requests, name="requests")
app.add_typer(desk_requests.items, name="items")
app.add_typer(persons.app, name="persons")
app.command("reconcile")(reconcile.reconcile)
app.command("replay")(replay.replay)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(mail.app, name="mail")
app.add_typer(notifications.app, name="notifications")
app.add_typer(secrets.app, name="secrets")
app.add_typer(servers.app, name="servers")
app.add_typer(templates.app, name="templates")


@app.callback()
def _options(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="YAML file of settings; the environment wins over it.")] = None,
    bootstrap_servers: Annotated[
        str | None, typer.Option(help="Kafka brokers, host:port. [env: MAILCALL_KAFKA_BOOTSTRAP_SERVERS]")
    ] = None,
    topic_prefix: Annotated[str | None, typer.Option(help="[env: MAILCALL_TOPIC_PREFIX]")] = None,
    desk_url: Annotated[str | None, typer.Option(help="The desk's database. [env: MAILCALL_DESK_URL]")] = None,
    blob_url: Annotated[str | None, typer.Option(help="The blob store. [env: MAILCALL_BLOB_URL]")] = None,
) -> None:
    given = {
        "kafka_bootstrap_servers": bootstrap_servers,
        "topic_prefix": topic_prefix,
        "desk_url": desk_url,
        "blob_url": blob_url,
    }
    context.obj = Options(config, {name: value for name, value in given.items() if value is not None})


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and exits: 0 done, 1 failed or out of balance, 2 something the user can put right."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="mailcall")
    except (UserError, TopicMissingError, SecretError) as error:
        _fail(str(error), USERS_MISTAKE)
    except OutageError as error:
        _fail(str(error), FAILED)


def _fail(text: str, code: int) -> None:
    shown = "\n".join(harmless(line) for line in text.split("\n"))
    print(f"mailcall: {shown}", file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
