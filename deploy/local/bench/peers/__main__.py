"""What the same mails cost in other service desks, on this machine; also written to `build/bench-peers.json`.

`python -m deploy.local.bench.peers --help` tells the options, docs/benchmark-peers.md what is measured, and how.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.local import NotAvailableError, StartError
from deploy.local.bench.peers.peer import Ground
from deploy.local.bench.peers.report import PARTS, PeerResult
from deploy.local.bench.peers.run import PEERS, PeerOptions, measure
from deploy.local.bench.sink import SinkProcess
from deploy.local.servers.database import Database
from deploy.local.supervisor import interrupt_on_signals

BUILD = Path("build")
_KEPT = ("tickets", "replies", "texts", "files")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit 0 when every peer was measured, whatever it made of the mails, else 1."""
    parser = argparse.ArgumentParser("python -m deploy.local.bench.peers", description="What a mail costs elsewhere.")
    parser.add_argument("--mails", type=int, default=300, help="mails that are measured")
    parser.add_argument("--warm-up", type=int, default=40, help="mails before that, which are not measured")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same mails")
    parser.add_argument("--only", type=_titles, default=tuple(PEERS), help=f"some of {','.join(PEERS)}")
    parser.add_argument("--json", action="store_true", help="print what is written, instead of tables")
    arguments = parser.parse_args(argv)
    options = PeerOptions(arguments.mails, arguments.warm_up, arguments.seed)
    console, results = Console(stderr=arguments.json), []
    interrupt_on_signals()
    try:
        for title in arguments.only:
            console.print(f"measuring {title}", highlight=False)
            try:
                results.append(_run(title, options))
            except (NotAvailableError, StartError) as error:
                console.print(f"{title}: {error}", markup=False, highlight=False)
    except KeyboardInterrupt:
        return 130
    report = json.dumps([result.as_dict() for result in results], indent=2)
    BUILD.mkdir(exist_ok=True)
    (BUILD / "bench-peers.json").write_text(report + "\n")
    if arguments.json:
        print(report)
    else:
        show(results, console)
    return 0 if len(results) == len(arguments.only) else 1


def show(results: Sequence[PeerResult], console: Console) -> None:
    costs = Table("CPU ms a mail", *PARTS, "total", "one start, s", "mails/s", box=None, header_style="bold")
    for one in results:
        figures = [f"{one.cpu_ms_per_mail[part]:.1f}" for part in (*PARTS, "total")]
        costs.add_row(one.title, *figures, f"{one.start_seconds:.2f}", f"{one.mails_per_s:.1f}")
    made = Table("made of them", *_KEPT, "missing", "answers", box=None, header_style="bold")
    for one in results:
        counts = [f"{getattr(one.kept, name)} of {getattr(one.expected, name)}" for name in _KEPT]
        made.add_row(one.title, *counts, f"{one.kept.missing}", f"{one.acknowledgements}")
    console.print(costs, made, sep="\n\n")
    for one in results:
        console.print(f"{one.title} {one.version}: {one.way}; {one.mails} mails", markup=False, highlight=False)


def _run(title: str, options: PeerOptions) -> PeerResult:
    """On a PostgreSQL, a sink and a folder of its own, so that nothing of another peer is left."""
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="mailcall-peers-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        database, sink = stack.enter_context(Database(durable=True)), stack.enter_context(SinkProcess())
        peer = stack.enter_context(PEERS[title](Ground(directory, database, sink.host, sink.port)))
        return measure(peer, options, sink)


def _titles(text: str) -> tuple[str, ...]:
    titles = tuple(text.split(","))
    if unknown := set(titles) - set(PEERS):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: there is {', '.join(PEERS)}")
    return titles


if __name__ == "__main__":
    raise SystemExit(main())
