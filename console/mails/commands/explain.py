"""`mailcall explain`: what would become of these mails, step by step, with reasons."""

import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from console.command_line.options import Json, config_of, logs_to_stderr
from console.command_line.output import harmless, print_fields, print_json_line
from console.command_line.telling import tell
from console.errors import UserError


def explain(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Mail files; a folder means every file in it.")],
    server: Annotated[
        str | None, typer.Option(help="Incoming server; may be left out where there is just one.")
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(help="Settings file to go by; then neither broker nor database is needed.")
    ] = None,
    token_key_file: Annotated[
        Path | None, typer.Option(help="Keys to check tokens with.", envvar="MAILCALL_TOKEN_KEY_FILE")
    ] = None,
    json: Json = False,
) -> None:
    """Say what would become of mails if they arrived at an incoming server. Nothing is changed anywhere."""
    from console.mails.explain_sources import explainer_from_file, explainer_from_topics
    from console.mails.mail_files import mail_files, read_mail

    for path in paths:
        if not path.exists():
            raise UserError(f"{path} does not exist", "give the path of a mail file, or of a folder of mail files")
    logs_to_stderr()
    if settings is not None:
        explainer = explainer_from_file(settings, server, token_key_file)
    else:
        config = config_of(context)
        explainer = explainer_from_topics(config, server, token_key_file or config.token_key_file)
    show = print_json_line if json else _show
    unreadable = False
    with closing(explainer):
        for path in mail_files(paths):
            try:
                raw = read_mail(path)
            except UserError as error:  # told, and the other files go on
                print(f"mailcall: {tell(error)}", file=sys.stderr)
                unreadable = True
                continue
            show(explainer.explain(str(path), raw))
    if unreadable:
        raise typer.Exit(2)


def _show(account: dict[str, Any]) -> None:
    print(harmless(account["file"]))
    author = account["parse"]["from"]
    print_fields(
        (f"  {name}", value)
        for name, value in (
            ("from", f"{author['name']} <{author['address']}>".strip() if author else "(none)"),
            ("subject", account["parse"]["subject"]),
            *((step["step"], _step(step)) for step in account["steps"]),
        )
    )
    print()


def _step(step: dict[str, str]) -> str:
    return f"{step['outcome']} ({step['reason']})" if step["reason"] else step["outcome"]
