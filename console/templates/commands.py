"""`mailcall templates`: by which message template somebody is told, and what a mail would say."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from console.command_line.options import Json, config_of
from console.command_line.output import harmless, print_fields, print_json, print_table
from schemas.settings.notification_rules import DeskEvent, Role

app = typer.Typer(help="Message templates: which is used for whom, and what a mail would say.", no_args_is_help=True)

_COLUMNS = ("event", "recipient", "partition", "template", "fault")


@app.command("list")
def list_templates(context: typer.Context, json: Json = False) -> None:
    """By which template somebody is told of each event: one that is set, or the built-in one."""
    from console.settings.state import read_state
    from console.templates.templates import used_templates

    used = used_templates(read_state(config_of(context)).settings)
    if json:
        print_json(used)
        return
    rows = (
        (one.event, one.recipient or "everybody", one.partition or "every", one.template or "(none)", one.fault)
        for one in used
    )
    print_table(_COLUMNS, rows, "there are no templates")


@app.command("preview")
def preview(
    context: typer.Context,
    event: Annotated[
        str | None,
        typer.Option(help=f"{', '.join(get_args(DeskEvent))}, or an integrator's; the template's own when left out."),
    ] = None,
    recipient: Annotated[Role | None, typer.Option(help="Who is told; the template's own when left out.")] = None,
    partition: Annotated[str | None, typer.Option(help="The item's own when left out.")] = None,
    item: Annotated[str | None, typer.Option(help="Item to show, such as C-000123; the newest when left out.")] = None,
    template: Annotated[
        str | None, typer.Option(help="Id of a message template, or a YAML file with one that is not applied yet.")
    ] = None,
    html_file: Annotated[Path | None, typer.Option(help="Where to write the HTML, to open it in a browser.")] = None,
    json: Json = False,
) -> None:
    """Show the mail that would tell of an item of the desk. Nothing is sent, and nothing changed."""
    from console.templates.templates import preview_of

    mail = preview_of(
        config_of(context), event=event, recipient=recipient, partition=partition, item=item, template=template
    )
    if html_file is not None:
        _write(html_file, mail.html)
    if json:
        print_json(mail)
        return
    print_fields((("template", mail.template), ("item", mail.reference), ("subject", mail.subject)))
    print("\n" + "\n".join(harmless(line) for line in mail.text.split("\n")))


def _write(file: Path, html: str) -> None:
    from console.errors import UserError

    try:
        file.write_text(html, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}", "give the path of a file to write") from None
