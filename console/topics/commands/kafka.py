"""`mailcall kafka`: the broker itself."""

from typing import Annotated

import typer

from console.command_line.options import Json, config_of
from console.command_line.output import print_json, print_table
from schemas.access import GROUPS, ROLES

app = typer.Typer(help="The Kafka broker.", no_args_is_help=True)


def _known(roles: list[str]) -> list[str]:
    for role in roles:
        if role not in ROLES:
            raise typer.BadParameter(f"no role {role!r}; there are {', '.join(ROLES)}")
    return roles


@app.command()
def check(
    context: typer.Context,
    role: Annotated[
        list[str],
        typer.Option(callback=_known, help="Whose rights to look into; again for more. All processes when left out."),
    ] = [*GROUPS],  # noqa: B006 - typer copies it
    json: Json = False,
) -> None:
    """Whether the processes could work with the broker: address, TLS, log-in, topics, rights and sizes, step by step.

    Run it with the settings of the process that it is about. Changes nothing. Exit code 1 where a step fails.
    """
    from console.topics.broker_check import check_broker

    checked = list(check_broker(config_of(context), role))
    ok = all(one.ok for one in checked)
    rows = [
        {
            "step": one.finding.step,
            "where": one.place,
            "outcome": "ok" if one.ok else str(one.finding.reason),
            "what": one.finding.text,
            "remedy": one.finding.remedy,
        }
        for one in checked
    ]
    if json:
        print_json({"ok": ok, "steps": rows})
    else:
        print_table(list(rows[0]), ([*row.values()] for row in rows), "")
    raise typer.Exit(0 if ok else 1)
