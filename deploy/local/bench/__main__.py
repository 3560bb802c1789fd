"""What a mail costs: `python -m deploy.local.bench` prints a table and writes `build/bench.json` (docs/benchmark.md).

Everything runs here: a broker, PostgreSQL, a mail host, an SMTP sink and the pipeline, each in processes of its own.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.local import NotAvailableError
from deploy.local.bench.outcome import Result
from deploy.local.bench.run import Bench, Options
from deploy.local.supervisor import interrupt_on_signals

BUILD = Path("build")


def show(result: Result, console: Console) -> None:
    table = Table("", "CPU ms a mail", "peak memory MB", box=None, header_style="bold")
    for name, cost in result.cpu_ms_per_mail.items():
        table.add_row(name.replace("_", " "), f"{cost:.2f}", f"{result.peak_rss_mb.get(name, 0):.0f}")
        for step, part in result.steps.get(name, {}).items():
            table.add_row(f"  {step}", f"{part:.2f}", "", style="dim")
    console.print(table)
    p50, p99 = result.latency_ms["p50"], result.latency_ms["p99"]
    console.print(f"{result.mails} mails, {result.mails_per_s} a second; latency p50 {p50} ms, p99 {p99} ms")
    idle_cpu = dict(result.idle_cpu_percent)
    total = idle_cpu.pop("total")
    console.print(f"without a mail: CPU {total} % of a core ({', '.join(f'{n} {cpu}' for n, cpu in idle_cpu.items())})")
    console.print(f"outcome {'as expected' if result.outcome.ok else result.outcome.as_dict()}")

    if idle := result.idle:
        console.print(
            f"{idle.mailboxes} idle mailboxes: {idle.rss_mb} MB ({idle.rss_mb_empty} MB without any), "
            f"CPU {idle.cpu_percent} % ({idle.cpu_percent_empty} % without any), "
            f"all idle after {idle.seconds_to_all_idle} s"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Exit 0 when every mail became what it should and every idle mailbox was watched, else 1."""
    parser = argparse.ArgumentParser("python -m deploy.local.bench", description="What a mail costs, end to end.")
    parser.add_argument("--mails", type=int, default=2000, help="mails that throughput and CPU are measured on")
    parser.add_argument("--warm-up", type=int, default=300, help="mails before that, which are not measured")
    parser.add_argument("--latency-mails", type=int, default=200, help="mails whose latency is measured; 0: none")
    parser.add_argument("--per-second", type=float, default=5.0, help="how fast those come")
    parser.add_argument("--idle-cpu-seconds", type=float, default=30.0, help="how long the idle processes are watched")
    parser.add_argument("--idle-mailboxes", type=int, default=0, help="mailboxes whose idle cost is measured; 0: none")
    parser.add_argument("--idle-seconds", type=float, default=90.0, help="how long those are watched")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same mails")
    options = Options(**vars(parser.parse_args(argv)))
    console, directory = Console(), BUILD / "bench"
    shutil.rmtree(directory, ignore_errors=True)
    interrupt_on_signals()
    try:
        with ExitStack() as stack:
            result = Bench(options, directory, stack, console).run()
    except NotAvailableError as error:
        console.print(str(error), markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        return 130
    show(result, console)
    (BUILD / "bench.json").write_text(json.dumps(result.as_dict(), indent=2) + "\n")
    return 0 if result.ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
