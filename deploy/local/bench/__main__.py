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

from deploy.local import NotAvailableError
from deploy.local.bench.report import show
from deploy.local.bench.run import Bench, Options
from deploy.local.supervisor import interrupt_on_signals

BUILD = Path("build")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit 0 when every mail became what it should and every idle mailbox was watched, else 1."""
    parser = argparse.ArgumentParser("python -m deploy.local.bench", description="What a mail costs, end to end.")
    parser.add_argument("--mails", type=int, default=4000, help="mails that throughput and CPU are measured on")
    parser.add_argument("--burst", type=int, default=1000, help="how many of them come at once")
    parser.add_argument("--warm-up", type=int, default=20000, help="mails before that, at most, to warm the broker up")
    parser.add_argument("--latency-mails", type=int, default=200, help="mails whose latency is measured; 0: none")
    parser.add_argument("--latency-turn", type=int, default=50, help="how many of them in one turn")
    parser.add_argument("--per-second", type=float, default=5.0, help="how fast those come")
    parser.add_argument(
        "--starts", type=int, default=3, help="starts of the pipeline whose CPU is measured, but the first"
    )
    parser.add_argument("--idle-cpu-seconds", type=float, default=30.0, help="how long the idle processes are watched")
    parser.add_argument("--idle-turn", type=float, default=15.0, help="how long in one turn")
    parser.add_argument("--idle-mailboxes", type=int, default=0, help="mailboxes whose idle cost is measured; 0: none")
    parser.add_argument("--idle-seconds", type=float, default=90.0, help="how long those are watched")
    parser.add_argument("--instances", type=int, default=1, help="of resolver, logger and outbound each")
    parser.add_argument("--mailboxes", type=int, default=1, help="that the mails are spread over")
    parser.add_argument("--persons", type=int, default=0, help="that the desk has already, beside those who write")
    parser.add_argument("--items", type=int, default=0, help="that the desk has already")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same mails")
    parser.add_argument("--compare", metavar="REV", help="another revision, measured in turns with this one")
    parser.add_argument(
        "--compare-smallest", action="store_true", help="the other with one instance, one mailbox and an empty desk"
    )
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
