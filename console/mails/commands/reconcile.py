"""`mailcall reconcile`: where every mail and notification is, and whether any is missing or was handled twice."""

import time
from typing import Annotated

import typer

from console.command_line.options import Json, config_of
from console.command_line.output import print_json, print_table

_POLL_SECONDS = 1.0


def reconcile(
    context: typer.Context,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait until no mail is on the way any more.")] = 0,
    each: Annotated[bool, typer.Option("--each", help="Say of every mail and notification where it is.")] = False,
    json: Json = False,
) -> None:
    """Account for every mail and notification: one end each, or waiting. Exit code 1: one is missing or double."""
    from console.mails import notification_reconciliation
    from console.mails.reconcile import DOUBLE, MISSING, ON_THE_WAY, summary
    from console.mails.reconcile import reconcile as balance_now

    config = config_of(context)
    deadline = time.monotonic() + wait
    balance = balance_now(config)
    while not (balance.balanced and balance.on_the_way == 0) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        balance = balance_now(config)
    told = notification_reconciliation.reconcile_notifications(config)
    balanced = balance.balanced and told.balanced
    if json:
        notifications = notification_reconciliation.summary(told, told.statuses if each else ())
        mails = summary(balance, balance.fates if each else ())
        print_json({**mails, "balanced": balanced, "notifications": notifications})
    else:
        print_table(("end", "mails"), [*balance.outcomes.items(), ("all", balance.mails)], "")
        shown = balance.fates if each else [fate for fate in balance.fates if fate.end in (MISSING, DOUBLE)]
        if shown:
            print()
            print_table(("mail", "end", "detail"), ((fate.mail_id, fate.end, fate.detail) for fate in shown), "")
        print()
        print_table(("status", "notifications"), [*told.outcomes.items(), ("all", len(told.statuses))], "")
        if each or told.wrong:
            print()
            columns = ("notification", "status", "detail")
            shown_statuses = told.statuses if each else told.wrong
            rows = ((one.asked.notification_id, one.status, one.detail) for one in shown_statuses)
            print_table(columns, rows, "")
        print(_verdict(balanced, balance.outcomes[ON_THE_WAY]))
    if not balanced or (wait and balance.on_the_way):
        raise typer.Exit(1)


def _verdict(balanced: bool, on_the_way: int) -> str:
    if not balanced:
        return "out of balance: see the mails and notifications above, and the processes' logs for their ids"
    return f"balanced, {on_the_way} on the way" if on_the_way else "balanced"
