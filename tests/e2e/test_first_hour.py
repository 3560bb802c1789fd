"""What goes wrong in the first hour: each fault is one message with place, real reason and remedy, and an exit code."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from deploy.local.ports import HOST, wait_until
from deploy.local.servers.database import Database
from tests.desks import new_desk

PROCESSES = ("ingest", "resolver", "logger", "outbound")
NOWHERE = "127.0.0.1:1"
SECONDS = 60


def environment(**settings: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAILCALL_", "KAFKA_"))}
    return clean | {f"MAILCALL_{name.upper()}": value for name, value in settings.items()}


def mailcall(*arguments: str, folder: Path, **settings: str) -> tuple[int, list[str]]:
    """Exit code and lines on stderr; there is nothing on stdout."""
    command = [sys.executable, "-c", "from console.cli import main; main()", *arguments]
    ran = subprocess.run(
        command, cwd=folder, env=environment(**settings), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert ran.stdout == ""
    return ran.returncode, ran.stderr.splitlines()


@contextmanager
def running(name: str, **settings: str) -> "Iterator[subprocess.Popen[str]]":
    command = [sys.executable, "-m", name]
    with subprocess.Popen(command, env=environment(**settings), stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def waits_for(process: "subprocess.Popen[str]", reason: str) -> dict[str, str]:
    """The log line that says so. Up to there the client of the broker says nothing, and nothing is a traceback."""
    assert process.stderr
    for line in process.stderr:
        logged: dict[str, str] = json.loads(line)
        assert not logged["logger"].startswith(("kafka", "aiokafka", "sqlalchemy"))
        if logged["event"] == "waiting" and logged["reason"] == reason:
            return logged
    pytest.fail(f"{process.args!r} ended with {process.wait()}")


@pytest.fixture
def listening() -> Iterator[int]:
    """A port where something listens."""
    with socket.create_server((HOST, 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def asking_for_passwords() -> Iterator[Database]:
    """PostgreSQL where the role `mailcall` has the password `right`."""
    with Database() as database:
        with psycopg.connect(database.dsn(), autocommit=True) as connection:
            connection.execute("CREATE ROLE mailcall LOGIN PASSWORD 'right'")
            rules = next(database.directory.rglob("pg_hba.conf"))
            rules.write_text("host all mailcall 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n")
            connection.execute("SELECT pg_reload_conf()")
        assert wait_until(lambda: not _lets_in(database), SECONDS)
        yield database


def _lets_in(database: Database) -> bool:
    try:
        psycopg.connect(database.dsn().replace("user=postgres", "user=mailcall password=wrong")).close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_desk_without_tables_is_told(empty_desk_url: str, tmp_path: Path) -> None:
    code, told = mailcall("calls", "list", folder=tmp_path, desk_url=empty_desk_url)
    assert code == 1
    assert told == [
        f"mailcall: the desk's database {empty_desk_url} does not have the tables of this release yet: "
        "the logger creates them when it starts",
        "Start the logger (`python -m logger`); if it runs, check that it has the same MAILCALL_DESK_URL.",
    ]
    assert list(tmp_path.iterdir()) == []  # to look makes no database


@pytest.mark.database
@pytest.mark.parametrize(
    ("user", "name", "words"),
    [
        ("postgres", "nowhere", 'FATAL: database "nowhere" does not exist'),
        ("mailcall:s3cret", "postgres", 'FATAL: password authentication failed for user "mailcall"'),
        ("mailcall", "postgres", "fe_sendauth: no password supplied"),
        ("nobody", "postgres", 'FATAL: role "nobody" does not exist'),
    ],
)
def test_what_postgresql_refuses_is_told_in_its_own_words(
    user: str, name: str, words: str, asking_for_passwords: Database, tmp_path: Path
) -> None:
    url = asking_for_passwords.url(name).replace("//postgres@", f"//{user}@")
    code, told = mailcall("calls", "list", folder=tmp_path, desk_url=url)
    assert code == 1
    shown = url.replace(":s3cret@", ":***@")
    assert told[0].startswith(f"mailcall: the desk's database {shown} cannot be used: ")
    assert told[0].endswith(words)
    assert told[1:] == ["Check MAILCALL_DESK_URL and the database."]
    assert "s3cret" not in "".join(told)


@pytest.mark.database
@pytest.mark.parametrize("process", ["resolver", "logger"])
def test_a_process_tells_that_its_database_does_not_exist_and_waits(
    process: str, asking_for_passwords: Database
) -> None:
    with running(process, desk_url=asking_for_passwords.url("nowhere"), kafka_bootstrap_servers=NOWHERE) as started:
        told = waits_for(started, "database-away")
        assert 'database "nowhere" does not exist' in told["what"]
        assert told["remedy"] == "Check MAILCALL_DESK_URL and the database."
        started.send_signal(signal.SIGTERM)
        assert started.wait(SECONDS) == 0


def test_a_wrong_broker_address_is_told(tmp_path: Path) -> None:
    code, told = mailcall("topics", "list", folder=tmp_path, kafka_bootstrap_servers=NOWHERE)
    assert code == 1
    assert told == [
        f"mailcall: the Kafka broker cannot be reached: {NOWHERE}: Connection refused",
        "Check MAILCALL_KAFKA_BOOTSTRAP_SERVERS and the broker.",
    ]


def test_what_is_no_address_of_a_broker_is_told(tmp_path: Path) -> None:
    code, told = mailcall("topics", "list", folder=tmp_path, kafka_bootstrap_servers="foo:bar")
    assert code == 2
    assert told[0] == (
        "mailcall: wrong configuration: MAILCALL_KAFKA_BOOTSTRAP_SERVERS: "
        "write host:port, several with commas between them"
    )


def test_every_process_tells_of_a_wrong_broker_address_and_waits(tmp_path: Path) -> None:
    settings = {"kafka_bootstrap_servers": NOWHERE, "desk_url": new_desk(tmp_path / "desk.db")}
    with ExitStack() as stack:
        for process in [stack.enter_context(running(name, **settings)) for name in PROCESSES]:
            told = waits_for(process, "broker-away")
            assert told["what"] == f"the Kafka broker cannot be reached: {NOWHERE}: Connection refused"
            assert told["remedy"] == "Check MAILCALL_KAFKA_BOOTSTRAP_SERVERS and the broker."


@pytest.mark.parametrize("process", PROCESSES)
def test_a_port_in_use_is_told(process: str, listening: int, tmp_path: Path) -> None:
    settings = environment(metrics_port=str(listening), kafka_bootstrap_servers=NOWHERE)
    command = [sys.executable, "-m", process]
    ran = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert ran.returncode == 2
    assert ran.stderr == (
        f"{process}: wrong configuration: MAILCALL_METRICS_HOST and MAILCALL_METRICS_PORT: {HOST}:{listening} "
        "cannot be listened on (Address already in use); name another port, 0 for any free one, or off\n"
    )


def test_a_path_in_place_of_a_url_is_told(tmp_path: Path) -> None:
    code, told = mailcall("topics", "list", folder=tmp_path, blob_url="/var/lib/mailcall/blobs")
    assert code == 2
    assert told[0].startswith("mailcall: wrong configuration: MAILCALL_BLOB_URL: write a URL: file:///path")
