"""The whole pipeline on this machine, a dozen mails, and how each ends: `python -m deploy.local.demo [--once]`.

Everything is new in each run and lies below `build/demo`. With --once it ends on its own: exit 0 when every mail ended
as `demo_mails.py` expects, else 1. Without, it stays up until Ctrl-C.
"""

import argparse
import fcntl
import shutil
import signal
import smtplib
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
from rich.console import Console

from deploy.local import NotAvailableError
from deploy.local.demo.composing import HR, IT, DemoMail
from deploy.local.demo.mails import DEMO_MAILS
from deploy.local.demo.progress import MailProgress, ProgressTracker
from deploy.local.demo.report import what_differed, where_to_look, write_environment, write_report
from deploy.local.demo.settings import PASSWORD, PASSWORD_VARIABLE, demo_settings
from deploy.local.demo.view import View, choose_view
from deploy.local.pipeline import PROCESSES, WINDOW, Pipeline
from deploy.local.servers.broker import Broker, choose_broker
from deploy.local.servers.mail_host import MailHost
from deploy.local.servers.mailboxes import Mailboxes
from deploy.local.servers.relay import Relay
from deploy.local.supervisor import interrupt_on_signals
from deploy.local.window import first_administrator, sealing_keys
from desk.engine import open_desk
from desk.migrate import upgrade

BUILD = Path("build")
WALK_SECONDS = 90.0
LOOK_SECONDS = 0.2
SENDERS = sorted({mail.sender for mail in DEMO_MAILS})


@dataclass(frozen=True)
class Servers:
    """What the demo starts beside the pipeline."""

    broker: Broker
    mail_host: MailHost
    relay: Relay
    desk_url: str


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m deploy.local.demo", description="The whole pipeline on this machine.")
    parser.add_argument("--once", action="store_true", help="end on its own: exit 0 when every mail ended as expected")
    options = parser.parse_args(argv)
    console = Console()
    interrupt_on_signals()
    try:
        with _directory(BUILD / "demo") as directory:
            return _run(directory, console, once=options.once)
    except NotAvailableError as error:
        console.print(str(error), markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(directory: Path, console: Console, *, once: bool) -> int:
    report, environment = BUILD / "demo.json", directory / "environment"
    with ExitStack() as stack:
        with choose_view(console) as view:
            view.step("starting broker, mail host and database")
            servers = _start_servers(directory, stack)
            pipeline = _pipeline(directory, servers, view)
            if servers.broker.pid is None:
                stack.callback(pipeline.delete_topics)
            stack.enter_context(pipeline)
            _set_up(pipeline, servers, view)
            walks = [MailProgress(mail) for mail in DEMO_MAILS]
            watch = stack.enter_context(_watch(walks, pipeline, servers))
            walk_mails(walks, watch, servers.mail_host, view)
        ok = write_report(report, walks, _seconds_to_first_call(walks))
        link = first_administrator(open_desk(servers.desk_url), pipeline.window_url)
        write_environment(environment, pipeline.settings)
        for line in what_differed(walks):
            console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
        console.print("every mail ended as expected" if ok else f"not every mail ended as expected: see {report}")
        if once:
            return 0 if ok else 1
        _stay_up(console, where_to_look(pipeline, link, servers.mail_host, environment, report))
        console.print("stopping")
    return 0


def walk_mails(walks: Sequence[MailProgress], watch: ProgressTracker, mail_host: MailHost, view: View) -> None:
    """Send the mails, each answer after what it answers has come, until all have ended or the time is over."""
    view.step(f"sending {len(walks)} mails")
    by_name = {walk.mail.name: walk for walk in walks}
    deadline = time.monotonic() + WALK_SECONDS
    while not all(walk.ended for walk in walks) and time.monotonic() < deadline:
        for walk in walks:
            answers = by_name[walk.mail.answers].answered if walk.mail.answers else None
            if walk.sent_at is None and (answers or not walk.mail.answers):
                walk.sent_at = time.monotonic()
                _send(walk.mail, walk.mail.compose(datetime.now(UTC), answers), mail_host)
        watch.look()
        view.show(walks)
        time.sleep(LOOK_SECONDS)
    view.step("done")


def _send(mail: DemoMail, raw: bytes, mail_host: MailHost) -> None:
    with smtplib.SMTP(mail_host.host, mail_host.smtp_port, timeout=30) as smtp:
        smtp.sendmail(mail.sender, [mail.to], raw)


@contextmanager
def _directory(path: Path) -> Iterator[Path]:
    """An empty directory, and no other demo in it. Raises `NotAvailableError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotAvailableError(f"a demo is running in {path} already: stop it with Ctrl-C there") from None
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        yield path.absolute()


def _start_servers(directory: Path, stack: ExitStack) -> Servers:
    """All at once; each is stopped at the end of the stack."""
    accounts = dict.fromkeys((IT, HR, *SENDERS), PASSWORD)
    mail_host = MailHost(accounts, directory / "mail-host")
    servers = Servers(
        broker=choose_broker(directory / "broker"),
        mail_host=mail_host,
        relay=stack.enter_context(Relay(mail_host, accounts, directory / "relay")),
        desk_url=f"sqlite:///{directory / 'desk.db'}",
    )
    stack.callback(servers.broker.stop)
    stack.callback(servers.mail_host.stop)
    with ThreadPoolExecutor() as pool:
        starting = [pool.submit(start) for start in (servers.broker.start, servers.mail_host.start)]
        upgrade(open_desk(servers.desk_url))
        for one in starting:
            one.result()
    return servers


def _pipeline(directory: Path, servers: Servers, view: View) -> Pipeline:
    return Pipeline(
        directory,
        bootstrap_servers=servers.broker.bootstrap_servers,
        topic_prefix=f"demo-{uuid.uuid4().hex[:8]}",
        desk_url=servers.desk_url,
        environment={PASSWORD_VARIABLE: PASSWORD, **sealing_keys(directory)},
        processes=(*PROCESSES, WINDOW),
        say=view.step,
    )


def _set_up(pipeline: Pipeline, servers: Servers, view: View) -> None:
    """Topics and settings, while the processes start."""
    view.step("creating topics, applying settings")
    pipeline.create_topics()
    settings = demo_settings(servers.mail_host, servers.relay)
    pipeline.apply(settings, "the demo")
    view.step("waiting until every process is ready")
    pipeline.wait_ready()
    pipeline.wait_for_persons(settings)


def _watch(walks: Sequence[MailProgress], pipeline: Pipeline, servers: Servers) -> ProgressTracker:
    host = servers.mail_host
    mailboxes = Mailboxes(host.host, host.imap_port, SENDERS, PASSWORD)
    return ProgressTracker(walks, open_desk(servers.desk_url), pipeline.config, mailboxes)


def _seconds_to_first_call(walks: Sequence[MailProgress]) -> float | None:
    """From the start of this program to the first logged call that was seen."""
    seen = [
        walk.sent_at + walk.decided_after
        for walk in walks
        if walk.item is not None and walk.sent_at is not None and walk.decided_after is not None
    ]
    started = time.monotonic() - (time.time() - psutil.Process().create_time())
    return round(min(seen) - started, 1) if seen else None


def _stay_up(console: Console, text: str) -> None:
    """Until Ctrl-C, which may come as soon as the first line of it can be read."""
    try:
        console.print(text, markup=False, highlight=False)
        while True:
            signal.pause()
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    raise SystemExit(main())
