"""`mailcall reconcile`: where every mail and notification is; `mailcall replay`: stored mails through today's rules."""

import sys
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from console.command_line.options import Json, config_of, parse_moment, services_of
from console.command_line.output import harmless, print_json, print_json_line, print_table
from console.errors import UserError

if TYPE_CHECKING:
    from console.audit.decisions import Place, Replayed


_POLL_SECONDS = 1.0


def reconcile(
    context: typer.Context,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait until no message is on its way any more.")] = 0,
    each: Annotated[bool, typer.Option("--each", help="List every message and notification with where it is.")] = False,
    json: Json = False,
) -> None:
    """Account for every message and notification: one end each, or waiting. Exit code 1: one is missing or double."""
    from console.audit import reconcile_notifications
    from console.audit.reconcile_mails import DOUBLE, MISSING, ON_THE_WAY, summary
    from console.audit.reconcile_mails import reconcile as reconcile_now

    config = config_of(context)
    deadline = time.monotonic() + wait
    balance = reconcile_now(config)
    while not (balance.balanced and balance.on_the_way == 0) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        balance = reconcile_now(config)
    notified = reconcile_notifications.reconcile_notifications(config)
    balanced = balance.balanced and notified.balanced
    if json:
        notifications = reconcile_notifications.summary(notified, notified.statuses if each else ())
        mails = summary(balance, balance.statuses if each else ())
        print_json({**mails, "balanced": balanced, "notifications": notifications})
    else:
        print_table(("end", "mails"), [*balance.outcomes.items(), ("all", balance.mails)], "")
        shown = balance.statuses if each else [mail for mail in balance.statuses if mail.end in (MISSING, DOUBLE)]
        if shown:
            print()
            print_table(("mail", "end", "detail"), ((mail.mail_id, mail.end, mail.detail) for mail in shown), "")
        print()
        print_table(("status", "notifications"), [*notified.outcomes.items(), ("all", len(notified.statuses))], "")
        if each or notified.wrong:
            print()
            columns = ("notification", "status", "detail")
            shown_statuses = notified.statuses if each else notified.wrong
            rows = ((one.asked.notification_id, one.status, one.detail) for one in shown_statuses)
            print_table(columns, rows, "")
        print(_verdict(balanced, balance.outcomes[ON_THE_WAY]))
    if not balanced or (wait and balance.on_the_way):
        raise typer.Exit(1)


def _verdict(balanced: bool, on_the_way: int) -> str:
    if not balanced:
        return "out of balance: see the mails and notifications above, and the processes' logs for their ids"
    return f"balanced, {on_the_way} on the way" if on_the_way else "balanced"


def replay(
    context: typer.Context,
    since: Annotated[str, typer.Option("--from", metavar="T", help="ISO 8601, such as 2026-11-20T08:00+01:00.")],
    until: Annotated[str, typer.Option("--to", metavar="T", help="Before this moment.")],
    server: Annotated[str | None, typer.Option(help="Only messages of this incoming server.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would differ.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Send messages on without asking.")] = False,
    json: Json = False,
) -> None:
    """Run stored messages through today's rules: show what would differ, and send on those that a person wrote."""
    from console.audit import replay as operation

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
        print(f"mailcall: {operation.stored(oldest)}: nothing is known of earlier ones", file=sys.stderr)


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
