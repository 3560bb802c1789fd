"""A storm of mails through stages that are scaled as KEDA would (docs/scaling.md):

python -m deploy.local.scaling.storm
"""

import argparse
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import psycopg
from rich.console import Console

from deploy.local import NotAvailableError
from deploy.local.scaling.scaled_pipeline import scaled_pipeline
from deploy.local.scaling.storm_result import Kind, Result, show
from deploy.local.servers.broker import KafkaProcess
from deploy.local.servers.database import Database
from deploy.local.supervisor import interrupt_on_signals

BUILD = Path("build")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit 0 when each storm ended as it should, else 1."""
    parser = argparse.ArgumentParser(
        "python -m deploy.local.scaling.storm", description="A storm of mails, scaled as by KEDA."
    )
    parser.add_argument("kinds", nargs="*", metavar="KIND", type=Kind, default=list(Kind), help=", ".join(Kind))
    parser.add_argument("--mails", type=int, default=20_000, help="mails of each storm")
    parser.add_argument("--pace", type=float, default=10.0, help="how much faster than in a cluster is decided")
    parser.add_argument("--wait-seconds", type=int, default=15, help="autoscaling.waitSeconds of the chart")
    parser.add_argument("--most", type=int, default=6, help="autoscaling.*.maxReplicas of resolver and logger")
    options = parser.parse_args(argv)
    console, directory = Console(), BUILD / "storm"
    shutil.rmtree(directory, ignore_errors=True)
    interrupt_on_signals()
    results = []
    try:
        for result in _storms(options, directory, lambda text: console.print(text, highlight=False)):
            show(result, console)
            results.append(result)
    except NotAvailableError as error:
        console.print(str(error), markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        return 130
    (BUILD / "storm.json").write_text(json.dumps([result.as_dict() for result in results], indent=2) + "\n")
    return 0 if all(result.outcome.ok for result in results) else 1


def _storms(options: argparse.Namespace, directory: Path, say: Callable[[str], None]) -> Iterator[Result]:
    limits = {"maxReplicas": options.most}
    values = {"autoscaling": {"waitSeconds": options.wait_seconds, "resolver": limits, "logger": limits}}
    broker, database = KafkaProcess(directory / "broker", options=(), heap_mb=512), Database(durable=True)
    with broker, closing(database):
        database.start()
        with psycopg.connect(database.dsn(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE storm")
        url = database.url("storm")
        with scaled_pipeline(directory, broker.bootstrap_servers, url, values, options.pace, say) as stages:
            for kind in options.kinds:
                say(f"{kind}: {options.mails} mails")
                yield stages.storm(options.mails, kind)


if __name__ == "__main__":
    raise SystemExit(main())
