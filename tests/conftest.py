"""The servers that tests run against, all real ones.

They are started when the first test asks for them and shared by all that come after; what a test gets of them (topic
prefix, database, account, sink) is its own. What they need is imported then, too: a run of a few tests without them
starts a second earlier, and so does each of the runs that tests of the tests make.
"""

import gc
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from deploy.local.servers.broker import Broker
    from deploy.local.servers.database import Database
    from deploy.local.servers.dovecot import Dovecot
    from deploy.local.servers.kerberos import Realm, User
    from deploy.local.servers.mail_host import MailHost
    from deploy.local.servers.oauth import OAuthServer
    from deploy.local.servers.postfix import Postfix
    from deploy.local.servers.smtp_sink import SmtpSink
    from runtime.config import ProcessConfig
    from runtime.kafka.producer import Publisher

DATABASES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.database))

pytest_plugins = [
    "tests.canary",
    "tests.browsers",
    "tests.shared_servers",
    "tests.needs",
    "tests.deadlines",
    "tests.not_run",
    "tests.alone",
    "tests.examples",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests that may take longest come first: begun last, each would keep the whole run waiting.

    Those that run alone come last, when nobody waits for them.
    """
    items.sort(key=_begins_at)


def pytest_collection_finish() -> None:
    """The garbage collector takes a tenth of a run: what has been imported stays, and tests leave little behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


def _begins_at(item: pytest.Item) -> tuple[bool, float]:
    marker = item.get_closest_marker("timeout")
    seconds = float(marker.args[0] if marker else item.config.getini("timeout"))
    return item.get_closest_marker("alone") is not None, -seconds


# ---- servers ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def broker(ask_server: Callable[[str], Any]) -> "Broker":
    broker: Broker = ask_server("broker")
    return broker


@pytest.fixture(scope="session")
def kafka_bootstrap(broker: "Broker") -> str:
    """The broker's address, `host:port`."""
    return broker.bootstrap_servers


@pytest.fixture
def topic_prefix(request: pytest.FixtureRequest, search_topics: Callable[[Path, str], None]) -> Iterator[str]:
    """A prefix that no other test has: its topics, and the name to build its consumer groups from.

    The topics go with the test: a broker that is left with those of every test ends by opening too many files.
    """
    prefix = f"t-{uuid.uuid4().hex[:12]}"
    yield prefix
    if "kafka_bootstrap" in request.fixturenames:
        if directory := getattr(request.getfixturevalue("broker"), "directory", None):
            search_topics(directory, prefix)
        delete_topics(request.getfixturevalue("kafka_bootstrap"), prefix)


@pytest.fixture
def publisher(config: "ProcessConfig") -> "Iterator[Publisher]":
    """Publishes where the process under test reads; `config` is a fixture of the test's own."""
    from runtime.kafka.producer import Publisher

    with closing(Publisher(config)) as publisher:
        yield publisher


def delete_topics(bootstrap: str, prefix: str) -> None:
    """Every topic whose name begins with the prefix and a dot."""
    from kafka import KafkaAdminClient

    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        names = [name for name in admin.list_topics() if name.startswith(f"{prefix}.")]
        if names:
            admin.delete_topics(names)
    finally:
        admin.close()


@pytest.fixture(scope="session")
def database(ask_server: Callable[[str], Any]) -> "Database":
    database: Database = ask_server("database")
    return database


@pytest.fixture
def postgres_url(database: "Database") -> Iterator[str]:
    """SQLAlchemy's URL of a database of this test alone, empty."""
    from tests.desks import new_database

    with new_database(database) as url:
        yield url


@pytest.fixture(params=DATABASES)
def empty_desk_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database without a table, once as an SQLite file and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'desk.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def postgres_desk(database: "Database") -> Iterator[str]:
    from tests.desks import make_tables, new_database

    with new_database(database) as url:
        make_tables(url)
        yield url


@pytest.fixture
def postgres_desk_url(postgres_desk: str) -> str:
    """URL of a desk on PostgreSQL whose tables are made and empty."""
    from tests.desks import empty_tables

    empty_tables(postgres_desk)
    return postgres_desk


@pytest.fixture(params=DATABASES)
def desk_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a desk whose tables are made and empty, once as an SQLite file and once on PostgreSQL."""
    if request.param == "sqlite":
        from tests.desks import new_desk

        return new_desk(tmp_path / "desk.db")
    url: str = request.getfixturevalue("postgres_desk_url")
    return url


@pytest.fixture(scope="session")
def mail_host(ask_server: Callable[[str], Any]) -> "MailHost":
    """Shared by all tests: take an account of your own with `mail_account`, or `mail_host.add_account`."""
    host: MailHost = ask_server("mail_host")
    return host


@pytest.fixture
def mail_account(mail_host: "MailHost") -> tuple[str, str]:
    """Address (also the login) and password of an empty mailbox of this test alone."""
    address, password = f"{uuid.uuid4().hex[:12]}@example.test", "s3cret"
    mail_host.add_account(address, password)
    return address, password


@pytest.fixture
def smtp_sink() -> "Iterator[SmtpSink]":
    from deploy.local.servers.smtp_sink import SmtpSink

    with SmtpSink() as sink:
        yield sink


@pytest.fixture(scope="session")
def promtool() -> Path:
    """Prometheus' own program that checks and tests rules."""
    from deploy.local.servers.prometheus import find_promtool

    return find_promtool()


@pytest.fixture(scope="session")
def dovecot_relay() -> "Iterator[SmtpSink]":
    """Where mails go that are submitted to Dovecot: shared by all tests, so look for your own recipient."""
    from deploy.local.servers.smtp_sink import SmtpSink

    with SmtpSink() as sink:
        yield sink


@pytest.fixture(scope="session")
def oauth(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[OAuthServer]":
    """Shared by all tests: register a client of your own for the mailbox it may open."""
    from deploy.local.servers.oauth import OAuthServer

    with OAuthServer(tmp_path_factory.mktemp("oauth")) as oauth:
        yield oauth


@pytest.fixture(scope="session")
def dovecot(dovecot_relay: "SmtpSink", oauth: "OAuthServer") -> "Iterator[Dovecot]":
    """Shared by all tests: every user name is an account, `dovecot_account` is one of your own."""
    from deploy.local.servers.dovecot_container import choose_dovecot

    with choose_dovecot()("s3cret", dovecot_relay.port, oauth) as dovecot:
        yield dovecot


@pytest.fixture(scope="session")
def postfix(dovecot: "Dovecot", dovecot_relay: "SmtpSink") -> "Iterator[Postfix]":
    """Shared by all tests: whoever `dovecot` lets in may send, and the mail goes where Dovecot's goes."""
    from deploy.local.servers.postfix import Postfix

    with Postfix(dovecot.auth_port, dovecot_relay.port) as postfix:
        yield postfix


@pytest.fixture(scope="session")
def plain_dovecot(dovecot_relay: "SmtpSink", oauth: "OAuthServer") -> "Iterator[Dovecot]":
    """As `dovecot`, but it offers PLAIN and LOGIN only."""
    from deploy.local.servers.dovecot_container import choose_dovecot

    with choose_dovecot()("s3cret", dovecot_relay.port, oauth, mechanisms=("plain", "login")) as dovecot:
        yield dovecot


@pytest.fixture(scope="session")
def faulty_dovecots(dovecot_relay: "SmtpSink", oauth: "OAuthServer") -> "Iterator[Mapping[str, Dovecot]]":
    """As `dovecot`, but with a bad certificate each: `expired`, `other host`, `self-signed`."""
    from deploy.local.servers.certificates import FAULTY
    from deploy.local.servers.dovecot_container import choose_dovecot

    with ExitStack() as stack:
        yield {
            fault: stack.enter_context(choose_dovecot()("s3cret", dovecot_relay.port, oauth, certificate=kind))
            for fault, kind in FAULTY.items()
        }


@pytest.fixture(scope="session")
def kerberos(dovecot: "Dovecot") -> "Iterator[Realm]":
    """The realm whose users `dovecot` lets in by GSSAPI. Shared by all tests: `kerberos_user` is one of your own."""
    from deploy.local.servers.kerberos import Realm

    with Realm() as realm:
        dovecot.join(realm)
        yield realm


@pytest.fixture
def kerberos_user(kerberos: "Realm") -> "User":
    """A user of this test alone. Its mailbox is `dovecot`'s account `kerberos_user.mailbox`, and empty."""
    return kerberos.add_user(uuid.uuid4().hex[:12], "s3cret of a ticket")


@pytest.fixture
def dovecot_account(dovecot: "Dovecot") -> tuple[str, str]:
    """Address (also the login) and password of an empty mailbox of this test alone."""
    return f"{uuid.uuid4().hex[:12]}@example.test", dovecot.password
