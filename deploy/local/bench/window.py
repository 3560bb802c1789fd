"""`python -m deploy.local.bench.window`: how fast the window is with very many rows, on PostgreSQL.

Fills a database of its own (or the one that `--database` names, which should be empty), and prints for each query and
then for each page the median, the 95th percentile, and the CPU time, in milliseconds: on a busy machine the last says
most. Of a query it is that of both sides, of a page that of the window's process. `PARTS` lists what is filled and
asked, `window_pages.PAGES` and `SEARCHES` what is looked at.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

import psutil
from sqlalchemy import Connection, Engine, text

from deploy.local.bench import window_desk, window_mails, window_pages
from deploy.local.servers.database import Database
from desk.engine import open_desk, read_transaction, write_transaction
from desk.migrate import upgrade

ROUNDS = 60
TABLES = ("queries", "pages", "searches")
SEED = 16

Figure = dict[str, float]  # median, p95, cpu: milliseconds
Fill = Callable[[Connection, int], None]
Ask = Callable[[Connection, random.Random], object]  # one query, with values drawn anew each time


@dataclass(frozen=True, slots=True)
class Part:
    """`rows` is how many there are where nothing else is said; `queries` by their names."""

    name: str
    rows: int
    fill: Fill
    queries: Mapping[str, Ask]


PARTS: tuple[Part, ...] = (
    Part("mails", 1_000_000, window_mails.fill, window_mails.QUERIES),
    Part("persons", window_desk.PERSONS, window_desk.fill_persons, window_desk.PERSON_QUERIES),
    Part("items", 100_000, window_desk.fill_items, window_desk.ITEM_QUERIES),
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("bench_window", description="How long the window's queries take.")
    parser.add_argument("--database", help="SQLAlchemy's URL of an empty database; left out: one is started")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each query is asked")
    parser.add_argument("--json", action="store_true", help="print JSON")
    for part in PARTS:
        parser.add_argument(f"--{part.name}", type=int, default=part.rows, help=f"rows (default {part.rows:,})")
    options = parser.parse_args(arguments)
    rows = {part.name: getattr(options, part.name) for part in PARTS}
    with ExitStack() as stack:
        url = options.database or stack.enter_context(Database()).url()
        report = measure(url, rows, options.rounds)
    if options.json:
        print(json.dumps(report, indent=2))
        return
    for title in TABLES:
        print(f"{title:<50} {'median':>9} {'95 %':>9} {'CPU':>9}  (ms)")
        for name, figure in report[title].items():
            print(f"{name:<50} {figure['median']:9.1f} {figure['p95']:9.1f} {figure['cpu']:9.1f}")
    print(f"memory of the window's process, after all that: {report['megabytes']} MB")


def measure(url: str, rows: Mapping[str, int], rounds: int) -> dict[str, Any]:
    """`queries`, `pages` and `searches`, each by name, and `megabytes`."""
    queries = measure_queries(url, rows, rounds)
    found = window_pages.measure_pages(url, rounds)
    return {"queries": queries, "pages": found.pages, "searches": found.searches, "megabytes": found.megabytes}


def measure_queries(url: str, rows: Mapping[str, int], rounds: int) -> dict[str, Figure]:
    """Of each query, by part and name."""
    engine = open_desk(url)
    try:
        upgrade(engine)
        for part in PARTS:
            begun = time.monotonic()
            with write_transaction(engine) as connection:
                part.fill(connection, rows[part.name])
            print(f"{rows[part.name]:,} {part.name} in {time.monotonic() - begun:.0f} s", file=sys.stderr)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
        return {
            f"{part.name}: {name}": _times(engine, ask, rounds) for part in PARTS for name, ask in part.queries.items()
        }
    finally:
        engine.dispose()


def _times(engine: Engine, ask: Ask, rounds: int) -> Figure:
    drawn = random.Random(SEED)
    times = []
    with read_transaction(engine) as connection:
        server = _backend(connection)
        spent = time.process_time() + _cpu_seconds(server)
        for _ in range(rounds):
            begun = time.perf_counter()
            ask(connection, drawn)
            times.append((time.perf_counter() - begun) * 1000)
            connection.rollback()
        spent = time.process_time() + _cpu_seconds(server) - spent
    return {"median": median(times), "p95": quantiles(times, n=20)[-1], "cpu": spent * 1000 / rounds}


def _backend(connection: Connection) -> psutil.Process | None:
    """PostgreSQL's process behind the connection; None where it is not on this machine."""
    pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    connection.rollback()
    try:
        process = psutil.Process(pid)
        return process if "postgres" in process.name() else None
    except psutil.NoSuchProcess:
        return None


def _cpu_seconds(process: psutil.Process | None) -> float:
    if process is None:
        return 0.0
    spent = process.cpu_times()
    return float(spent.user + spent.system)


if __name__ == "__main__":
    main()
