"""The benchmark's result as a person reads it."""

from rich.console import Console
from rich.table import Column, Table

from deploy.local.bench.result import Comparison, Result
from deploy.local.bench.turns import Figures, mean
from deploy.local.pipeline import PROCESSES

TITLES = {
    "cpu_ms_per_mail": "CPU a mail",
    "mails_per_s": "mails a second",
    "statements_per_mail": "SQL a mail",
    "broker_requests_per_mail": "requests a mail",
    "latency_ms": "latency",
    "idle_cpu_percent": "idle CPU",
    "cpu_s_until_ready": "CPU until ready",
    "peak_rss_mb": "peak memory",
}
LEAST_REQUESTS = 0.005  # a mail, of a kind that is shown


def show(result: Result, console: Console) -> None:
    measured = result.measured
    columns = (Column("", no_wrap=True), "CPU ms a mail", "peak memory MB", "CPU s until ready", "idle CPU %")
    table = Table(*columns, box=None, header_style="bold")
    idle, starts = mean(measured.idle), mean(measured.starts) if measured.starts else {}
    for name, cost in mean(measured.cpu_ms()).items():
        others = (_figure(measured.peak_rss_mb, name, 0), _figure(starts, name, 2), _figure(idle, name, 2))
        table.add_row(name.replace("_", " "), f"{cost:.3f}", *others)
        for step, part in result.steps.get(name, {}).items():
            table.add_row(f"  {step}", f"{part:.3f}", style="dim")
        for thread, part in (measured.threads_ms(name) if name in PROCESSES else {}).items():
            table.add_row(f"  {thread} thread", f"{part:.3f}", style="dim")
    console.print(table)
    latency = measured.latency_ms()
    console.print(
        f"{measured.mails} mails, {mean(measured.speeds())['all']:.0f} a second; latency p50 {latency['p50']} ms, "
        f"p99 {latency['p99']} ms; SQL statements a mail: {mean(measured.statements()).get('all', 'not counted')}"
    )
    requests = [
        f"{name} {number:.3f}" for name, number in mean(measured.requests()).items() if number >= LEAST_REQUESTS
    ]
    console.print(f"requests to the broker a mail: {', '.join(requests)}", highlight=False)
    console.print(f"outcome {'as expected' if result.outcome.ok else result.outcome.as_dict()}")
    if mailboxes := result.idle:
        console.print(
            f"{mailboxes.mailboxes} idle mailboxes: {mailboxes.rss_mb} MB ({mailboxes.rss_mb_empty} MB without any), "
            f"CPU {mailboxes.cpu_percent} % ({mailboxes.cpu_percent_empty} % without any), "
            f"all idle after {mailboxes.seconds_to_all_idle} s"
        )
    if result.compare:
        _show_comparison(result.compare, console)


def _show_comparison(comparison: Comparison, console: Console) -> None:
    title = f"as a share of {comparison.revision}: median of the pairs of turns, and their middle half"
    table = Table(
        Column("", no_wrap=True),
        "share",
        "from",
        "to",
        box=None,
        header_style="bold",
        title=title,
        title_justify="left",
    )
    for figure, parts in comparison.ratio.items():
        for name, ratio in parts.items():
            row = (f"{ratio.median:.3f}", f"{ratio.low:.3f}", f"{ratio.high:.3f}")
            table.add_row(_title(figure, name), *row)
    console.print(table)
    if not comparison.outcome.ok:
        console.print(f"outcome of {comparison.revision}: {comparison.outcome.as_dict()}")


def _title(figure: str, part: str) -> str:
    return TITLES[figure] if part == "all" else f"{TITLES[figure]}: {part.replace('_', ' ')}"


def _figure(figures: Figures, name: str, digits: int) -> str:
    return f"{figures[name]:.{digits}f}" if name in figures else ""
