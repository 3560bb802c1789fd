"""`mailcall desk`: the database that the desk is kept in."""

import typer

from console.command_line.options import config_of

app = typer.Typer(help="The database that the desk is kept in.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Without it one command alone would not be named."""


@app.command()
def migrate(context: typer.Context) -> None:
    """Bring the tables up to this release. May be run again at any time; what is there stays.

    The logger does so, too, when it starts. Processes of the release before work on meanwhile.
    """
    from desk.engine import open_desk
    from desk.migrate import upgrade

    engine = open_desk(config_of(context).desk_url)
    try:
        upgrade(engine)
    finally:
        engine.dispose()
    print("the desk's tables are those of this release")
