"""`mailcall`: puts the commands together, and tells what went wrong in one clear message."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from console.access import commands as access
from console.audit import commands as audit
from console.command_line.options import Options
from console.command_line.output import harmless
from console.command_line.telling import tell
from console.desk.commands import desk, desk_requests, tables
from console.errors import UserError
from console.mails.commands import explain, mail, notifications, reconcile, replay
from console.persons import commands as persons
from console.servers.commands import profiles, servers
from console.settings.commands import apply_and_export, deletion, secrets
from console.templates import commands as templates
from console.topics.commands import dead_letters, kafka, topics
from runtime.known_secrets import conceal
from runtime.outcomes import OutageError
from runtime.private_files import keep_private
from runtime.secrets import SecretError
from runtime.topic_reader import TopicMissingError
from runtime.version import VERSION

USERS_MISTAKE = 2  # exit code
FAILED = 1

app = typer.Typer(
    name="mailcall",
    help="Mail in, calls logged, mail out: set up, look into and reconcile the pipeline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(topics.app, name="topics")
app.add_typer(kafka.app, name="kafka")
app.command("apply")(apply_and_export.apply)
app.command("export")(apply_and_export.export)
app.command("delete")(deletion.delete)
app.command("changes")(audit.changes)
app.command("restore")(audit.restore)
app.command("explain")(explain.explain)
desk.calls.command("log")(desk_requests.log_call)
desk_requests.tasks.command("list")(desk.listing("task"))
desk_requests.requests.command("list")(desk.listing("request"))
app.add_typer(desk.calls, name="calls")
app.add_typer(desk_requests.tasks, name="tasks")
app.add_typer(desk_requests.requests, name="requests")
app.add_typer(desk_requests.items, name="items")
app.add_typer(tables.app, name="desk")
app.add_typer(persons.app, name="persons")
app.command("reconcile")(reconcile.reconcile)
app.command("replay")(replay.replay)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(mail.app, name="mail")
app.add_typer(notifications.app, name="notifications")
app.add_typer(secrets.app, name="secrets")
app.add_typer(servers.app, name="servers")
app.add_typer(profiles.app, name="profiles")
app.add_typer(templates.app, name="templates")
app.add_typer(access.app, name="admin")


def _or_env(help_: str, variable: str) -> str:
    """The help of an option that is also read from the environment. Without the backslash it would be markup."""
    return rf"{help_} \[env: {variable}]"


def _version(asked: bool) -> None:
    if asked:
        print(f"mailcall {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback has done what is to be done
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    config: Annotated[Path | None, typer.Option(help="YAML file of settings; the environment wins over it.")] = None,
    bootstrap_servers: Annotated[
        str | None, typer.Option(help=_or_env("Kafka brokers, host:port.", "MAILCALL_KAFKA_BOOTSTRAP_SERVERS"))
    ] = None,
    topic_prefix: Annotated[
        str | None, typer.Option(help=_or_env("What stands before every topic's name.", "MAILCALL_TOPIC_PREFIX"))
    ] = None,
    desk_url: Annotated[str | None, typer.Option(help=_or_env("The desk's database.", "MAILCALL_DESK_URL"))] = None,
    blob_url: Annotated[str | None, typer.Option(help=_or_env("The blob store.", "MAILCALL_BLOB_URL"))] = None,
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
    if arguments is None:  # else it is part of another program, whose umask is its own
        keep_private()
    try:
        app(args=None if arguments is None else list(arguments), prog_name="mailcall")
    except UserError as error:
        _fail(tell(error), USERS_MISTAKE)
    except (TopicMissingError, SecretError) as error:
        _fail(str(error), USERS_MISTAKE)
    except OutageError as error:
        _fail(f"{error}\n{error.remedy}", FAILED)
    except Exception as error:
        if not _tells_a_person(error):
            raise
        _fail(str(error), FAILED)


def _tells_a_person(error: Exception) -> bool:
    """Whether its text is one message for a person. Imported here: a command that needs no database starts faster."""
    from desk.errors import ConflictError, DeskError, UnstorableError
    from runtime.blobs import BlobMissingError
    from runtime.publisher import UnpublishableError
    from runtime.topic_setup import TopicSetupError

    desk_refused = isinstance(error, ConflictError | DeskError | UnstorableError)
    return desk_refused or isinstance(error, BlobMissingError | UnpublishableError | TopicSetupError)


def _fail(text: str, code: int) -> None:
    shown = "\n".join(harmless(line) for line in conceal(text).split("\n"))
    print(f"mailcall: {shown}", file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
