"""`mailcall explain`: what would happen to the mails of these files, step by step, with reasons."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from console.command_line.error_text import text_of
from console.command_line.options import Json, config_of, logs_to_stderr
from console.command_line.output import harmless, print_fields, print_json_line
from console.errors import UserError


def explain(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files with one message each; a folder means every file in it.")],
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
    """Say what would happen to messages that arrived at an incoming server. Nothing is changed anywhere."""
    from console.mails.explain_sources import explainer_from_file, explainer_from_topics

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
                print(f"mailcall: {text_of(error)}", file=sys.stderr)
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


_MAX_BYTES = 200_000_000


def mail_files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files that the paths stand for. Raises `UserError` for a path that is not there or cannot be listed."""
    for path in paths:
        if path.is_dir():
            yield from _below(path)
        elif path.exists():
            yield path
        else:
            raise UserError(f"{path} does not exist", "give the path of a mail file, or of a folder of mail files")


def read_mail(path: Path) -> bytes:
    """The bytes of a mail file. Raises `UserError`."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)  # a pipe or device has no size that could be asked for
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", "check its permissions") from None
    if len(raw) > _MAX_BYTES:
        raise UserError(f"{path} is larger than {_MAX_BYTES // 1_000_000} MB", "it is no mail: leave it out")
    return raw


def _below(folder: Path) -> Iterator[Path]:
    """Regular files only: a pipe or a device in a folder would be waited for; linked folders may lead in circles."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise UserError(f"folder {folder} cannot be read: {error.strerror}", "check its permissions") from None
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _below(folder / entry.name)
        elif entry.is_file():
            yield folder / entry.name
