"""`mailcall mail`: finding mails, one mail's way, what is held in quarantine, letting it through, discarding it."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from console.command_line.options import Json, Who, one_line, services_of
from console.command_line.output import print_fields, print_json, print_table

app = typer.Typer(help="Messages: find and follow them, release or discard held ones.", no_args_is_help=True)

_COLUMNS = ("mail_id", "received", "server_id", "sender", "subject", "evidence")
_FOUND = ("mail_id", "received", "server_id", "sender", "subject", "outcome", "reason", "reference")
MailId = Annotated[str, typer.Argument(metavar="MAIL_ID", help="As `mailcall mail find` shows it.")]
MailIds = Annotated[list[str], typer.Argument(metavar="MAIL_ID...", help="As `mailcall mail held` shows them.")]


@app.command()
def find(
    context: typer.Context,
    words: Annotated[
        str, typer.Argument(help="Words of sender and subject, a Message-ID in angle brackets, a mail's id, C-000123.")
    ] = "",
    sender: Annotated[str, typer.Option(help="Part of the sender's address.")] = "",
    subject: Annotated[str, typer.Option(help="Part of the subject.")] = "",
    outcome: Annotated[str, typer.Option(help="How it ended, such as rejected or call-logged.")] = "",
    server: Annotated[str, typer.Option(help="Id of the incoming server.")] = "",
    since: Annotated[datetime | None, typer.Option(help="Received then or later, in UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Received before then, in UTC.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
    json: Json = False,
) -> None:
    """Find messages, the newest first, in the index that the window keeps."""
    from console.mails.index.conditions import Query
    from console.mails.index.search import find_mails
    from desk.engine import read_transaction

    utc = [None if moment is None else moment.replace(tzinfo=UTC) for moment in (since, until)]
    query = Query(
        words=words, sender=sender, subject=subject, outcome=outcome, server_id=server, since=utc[0], until=utc[1]
    )
    records = services_of(context).mail_records
    records.bring_up_to_date()
    with read_transaction(records.engine) as connection:
        found = find_mails(connection, query, size=limit)
    if json:
        print_json(found.mails)
    else:
        rows = ([getattr(mail, name) for name in _FOUND] for mail in found.mails)
        print_table(_FOUND, rows, "no message matches")
    if found.walked_to is not None:
        print(f"searched back to {found.walked_to.isoformat()}; continue with --until that time", file=sys.stderr)


@app.command()
def way(context: typer.Context, mail_id: MailId, json: Json = False) -> None:
    """One message's way: each stage with its time, topic, partition, offset, decision and reason."""
    from console.errors import UserError
    from console.mails.way import way_of

    records = services_of(context).mail_records
    records.bring_up_to_date()
    found = way_of(records, mail_id)
    if found is None:
        raise UserError(f"the index has no mail {mail_id!r}", "`mailcall mail find` shows the ids")
    if json:
        print_json(found)
        return
    print_fields((name, getattr(found.mail, name)) for name in found.mail.__slots__)
    for stage in found.stages:
        place = f"{stage.topic}/{stage.partition}/{stage.offset}" if stage.topic else "the desk's ledger"
        gone = ", no longer kept" if stage.gone else ""
        print(f"\n{stage.name}: {stage.outcome} ({place}{gone})")
        print_fields((("  at", stage.at), *((f"  {name}", value) for name, value in stage.details)))
        if stage.reason:
            print_fields([("  reason", stage.reason)])


@app.command()
def reindex(context: typer.Context) -> None:
    """Rebuild the index of mails: the window reads the topics from their beginning. No row is deleted."""
    from console.mails.index.store import forget_positions
    from desk.engine import write_transaction

    with write_transaction(services_of(context).engine) as connection:
        forget_positions(connection)
    print("the window rebuilds the index, from the next record on or when it starts")


@app.command()
def held(context: typer.Context, json: Json = False) -> None:
    """Messages in quarantine now, and why: neither released, discarded nor in the desk since."""
    from console.audit.quarantine import held as held_now

    mails = held_now(services_of(context).mail_records)
    if json:
        print_json(mails)
    else:
        rows = ([getattr(mail, name) for name in _COLUMNS] for mail in mails)
        print_table(_COLUMNS, rows, "no message is held")


@app.command()
def release(
    context: typer.Context,
    mail_id: MailIds,
    who: Who = "",
    note: Annotated[str, typer.Option(callback=one_line, help="Why; it is kept with the message.")] = "",
    json: Json = False,
) -> None:
    """Let rejected messages through: each becomes a call, or goes to its item, as if it had not been rejected."""
    from console.audit.quarantine import release as release_now

    services = services_of(context)
    done = release_now(services.mail_records, services.publisher, mail_id, who, datetime.now(UTC), note)
    _say("released", done, json)


@app.command()
def discard(
    context: typer.Context,
    mail_id: MailIds,
    note: Annotated[str, typer.Option(callback=one_line, help="Why; it stays with the mail.")],
    who: Who = "",
    json: Json = False,
) -> None:
    """Discard messages in quarantine: nothing is logged for them."""
    from console.audit.quarantine import discard as discard_now

    services = services_of(context)
    done = discard_now(services.mail_records, services.publisher, mail_id, who, datetime.now(UTC), note)
    _say("discarded", done, json)


def _say(done: str, mail_ids: list[str], json: bool) -> None:
    if json:
        print_json(mail_ids)
        return
    for one in mail_ids:
        print(f"{done} {one}")
