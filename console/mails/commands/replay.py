"""`mailcall replay`: stored mails through today's rules."""

import sys
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from console.command_line.moments import parse_moment
from console.command_line.options import Json, services_of
from console.command_line.output import harmless, print_json_line
from console.errors import UserError

if TYPE_CHECKING:
    from console.mails.replay import Place, Replayed


def replay(
    context: typer.Context,
    since: Annotated[str, typer.Option("--from", metavar="T", help="ISO 8601, such as 2026-11-20T08:00+01:00.")],
    until: Annotated[str, typer.Option("--to", metavar="T", help="Before this moment.")],
    server: Annotated[str | None, typer.Option(help="Only mails of this incoming server.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would differ.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether to send mails on.")] = False,
    json: Json = False,
) -> None:
    """Run stored mails through today's rules: say what would differ, and send on what is a person's mail today."""
    from console.mails import replay as operation

    period = operation.Period(*_period(since, until))
    if not (dry_run or yes or sys.stdin.isatty()):
        raise UserError("sending on has to be confirmed, and there is no terminal to ask at", "say it with --yes")
    services = services_of(context)
    config = services.config
    counts: Counter[str] = Counter()
    places: set[Place] = set()
    for mail in operation.replay(config, period, server):
        _show(mail, json)
        counts += Counter(mails=1, differ=bool(mail.differences), undecided=mail.then is None)
        if mail.to_be_sent_on:
            places.add(mail.place)
    sent = 0
    if places and not dry_run and (yes or _agreed(len(places))):
        sent = operation.send_on(config, services.publisher, period, places, datetime.now(UTC))
    _show_counts(counts, len(places), sent, json)
    oldest = operation.stored_since(config)
    if oldest is not None and oldest > period.since:
        print(f"mailcall: {operation.stored(oldest)}: of what came before nothing is known", file=sys.stderr)


def _period(since: str, until: str) -> tuple[datetime, datetime]:
    """Raises `UserError` where there is no such period."""
    start, end = parse_moment("--from", since), parse_moment("--to", until)
    if start >= end:
        raise UserError("--to does not lie after --from", "give the earlier moment with --from")
    if start > datetime.now(UTC):
        raise UserError("--from lies in the future", "mails that have come are replayed")
    return start, end


def _show(mail: "Replayed", json: bool) -> None:
    for one in mail.differences:
        if json:
            print_json_line(one)
        else:
            print(f"{one.mail_id}  {one.field}  {harmless(one.then) or '-'} -> {harmless(one.now) or '-'}")


def _agreed(mails: int) -> bool:
    question = f"{mails} of them were rejected and are a person's mail today. Send them on, so that they become calls?"
    return typer.confirm(question, err=True)


def _show_counts(counts: Counter[str], persons: int, sent: int, json: bool) -> None:
    if json:
        each = ("mails", "differ", "undecided")
        print_json_line({**{name: counts[name] for name in each}, "persons_today": persons, "sent_on": sent})
        return
    print(f"{counts['mails']} mails, {counts['differ']} would be decided otherwise")
    if counts["undecided"]:
        print(f"{counts['undecided']} are not decided yet: `mailcall reconcile --each` says where they are")
    if persons:
        print(f"{persons} were rejected and are a person's mail today; {sent} sent on")
