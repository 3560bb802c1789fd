"""`mailcall`: puts the commands together, and tells what went wrong in one clear message."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from console.access import commands as access
from console.audit import dead_letter_commands, history_commands, reconcile_commands
from console.command_line.error_text import text_of
from console.command_line.options import Options
from console.command_line.output import harmless
from console.desk import change_commands, item_commands
from console.errors import UserError
from console.mails import explain_command, mail_commands
from console.notifications import commands as notifications
from console.persons import commands as persons
from console.servers import commands as servers
from console.servers import profile_commands as profiles
from console.settings import apply_commands
from console.settings import commands as settings
from console.templates import commands as templates
from console.topics import topic_commands
from runtime.kafka.topic_reader import TopicMissingError
from runtime.outages import OutageError
from runtime.security.private_files import keep_private
from runtime.security.redaction import conceal
from runtime.security.sealing import SecretError
from runtime.version import VERSION

USERS_MISTAKE = 2  # exit code
FAILED = 1

app = typer.Typer(
    name="mailcall",
    help="Mail in, calls logged, mail out: set up, look into and reconcile the pipeline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(topic_commands.app, name="topics")
app.add_typer(topic_commands.kafka, name="kafka")
app.command("apply")(apply_commands.apply)
app.command("export")(settings.export)
app.command("delete")(settings.delete)
app.command("changes")(history_commands.changes)
app.command("restore")(history_commands.restore)
app.command("explain")(explain_command.explain)
item_commands.calls.command("log")(change_commands.log_call)
change_commands.tasks.command("list")(item_commands.listing("task"))
change_commands.requests.command("list")(item_commands.listing("request"))
app.add_typer(item_commands.calls, name="calls")
app.add_typer(change_commands.tasks, name="tasks")
app.add_typer(change_commands.requests, name="requests")
app.add_typer(change_commands.items, name="items")
app.add_typer(item_commands.database, name="desk")
app.add_typer(persons.app, name="persons")
app.command("reconcile")(reconcile_commands.reconcile)
app.command("replay")(reconcile_commands.replay)
app.add_typer(dead_letter_commands.app, name="dead-letters")
app.add_typer(mail_commands.app, name="mail")
app.add_typer(notifications.app, name="notifications")
app.add_typer(settings.secrets, name="secrets")
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
        _fail(text_of(error), USERS_MISTAKE)
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
    from runtime.kafka.producer import UnpublishableError
    from runtime.kafka.topic_setup import TopicSetupError

    desk_refused = isinstance(error, ConflictError | DeskError | UnstorableError)
    return desk_refused or isinstance(error, BlobMissingError | UnpublishableError | TopicSetupError)


def _fail(text: str, code: int) -> None:
    shown = "\n".join(harmless(line) for line in conceal(text).split("\n"))
    print(f"mailcall: {shown}", file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
