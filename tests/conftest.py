"""The servers that tests run against, all real ones; and the rule that a test without its server is not silently green.

Servers are shared by the whole session and started when the first test asks for them; what a test gets of them (topic
prefix, database, account, sink) is its own.
"""

import os
import uuid
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaAdminClient

from deploy.local import NotAvailableError
from deploy.local.broker import Broker, choose_broker
from deploy.local.certificates import FAULTY
from deploy.local.database import Database
from deploy.local.dovecot import Dovecot
from deploy.local.dovecot_container import choose_dovecot
from deploy.local.kerberos import Realm, User
from deploy.local.mail_host import MailHost
from deploy.local.oauth import OAuthServer
from deploy.local.postfix import Postfix
from deploy.local.smtp_sink import SmtpSink
from runtime.config import ProcessConfig
from runtime.publisher import Publisher

_not_run = pytest.StashKey[dict[str, str]]()


# ---- not run, and why ------------------------------------------------------------------------------------------------
# In CI nothing may be left out: there the missing server is an error. Elsewhere the test is skipped, and the end of the
# run lists it under "not run, and why".


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_not_run] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    try:
        return (yield)
    except NotAvailableError as error:
        if os.environ.get("CI"):
            raise
        item.config.stash[_not_run][item.nodeid] = str(error)
        pytest.skip(f"not run: {error}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    not_run = config.stash[_not_run]
    if not not_run:
        return
    terminalreporter.section("not run, and why", yellow=True, bold=True)
    for reason in dict.fromkeys(not_run.values()):
        terminalreporter.write_line(reason)
        for test in (test for test, why in not_run.items() if why == reason):
            terminalreporter.write_line(f"    {test}")


# ---- servers ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    with choose_broker() as broker:
        yield broker


@pytest.fixture(scope="session")
def kafka_bootstrap(broker: Broker) -> str:
    """The broker's address, `host:port`."""
    return broker.bootstrap_servers


@pytest.fixture
def topic_prefix(request: pytest.FixtureRequest) -> Iterator[str]:
    """A prefix that no other test has: its topics, and the name to build its consumer groups from.

    The topics go with the test: a broker that is left with those of every test ends by opening too many files.
    """
    prefix = f"t-{uuid.uuid4().hex[:12]}"
    yield prefix
    if "kafka_bootstrap" in request.fixturenames:
        delete_topics(request.getfixturevalue("kafka_bootstrap"), prefix)


@pytest.fixture
def publisher(config: ProcessConfig) -> Iterator[Publisher]:
    """Publishes where the process under test reads; `config` is a fixture of the test's own."""
    with closing(Publisher(config)) as publisher:
        yield publisher


def delete_topics(bootstrap: str, prefix: str) -> None:
    """Every topic whose name begins with the prefix and a dot."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        names = [name for name in admin.list_topics() if name.startswith(f"{prefix}.")]
        if names:
            admin.delete_topics(names)
    finally:
        admin.close()


@pytest.fixture(scope="session")
def database() -> Iterator[Database]:
    with Database() as database:
        yield database


@pytest.fixture
def postgres_url(database: Database) -> Iterator[str]:
    """SQLAlchemy's URL of a database of this test alone, empty."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(database.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield database.url(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(params=["sqlite", "postgresql"])
def desk_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty desk database, once as an SQLite file and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'desk.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def mail_host() -> Iterator[MailHost]:
    """Shared by all tests: take an account of your own with `mail_account`, or `mail_host.add_account`."""
    with MailHost() as host:
        yield host


@pytest.fixture
def mail_account(mail_host: MailHost) -> tuple[str, str]:
    """Address (also the login) and password of an empty mailbox of this test alone."""
    address, password = f"{uuid.uuid4().hex[:12]}@example.test", "s3cret"
    mail_host.add_account(address, password)
    return address, password


@pytest.fixture
def smtp_sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


@pytest.fixture(scope="session")
def dovecot_relay() -> Iterator[SmtpSink]:
    """Where mails go that are submitted to Dovecot: shared by all tests, so look for your own recipient."""
    with SmtpSink() as sink:
        yield sink


@pytest.fixture(scope="session")
def oauth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OAuthServer]:
    """Shared by all tests: register a client of your own for the mailbox it may open."""
    with OAuthServer(tmp_path_factory.mktemp("oauth")) as oauth:
        yield oauth


@pytest.fixture(scope="session")
def dovecot(dovecot_relay: SmtpSink, oauth: OAuthServer) -> Iterator[Dovecot]:
    """Shared by all tests: every user name is an account, `dovecot_account` is one of your own."""
    with choose_dovecot()("s3cret", dovecot_relay.port, oauth) as dovecot:
        yield dovecot


@pytest.fixture(scope="session")
def postfix(dovecot: Dovecot, dovecot_relay: SmtpSink) -> Iterator[Postfix]:
    """Shared by all tests: whoever `dovecot` lets in may send, and the mail goes where Dovecot's goes."""
    with Postfix(dovecot.auth_port, dovecot_relay.port) as postfix:
        yield postfix


@pytest.fixture(scope="session")
def plain_dovecot(dovecot_relay: SmtpSink, oauth: OAuthServer) -> Iterator[Dovecot]:
    """As `dovecot`, but it offers PLAIN and LOGIN only."""
    with choose_dovecot()("s3cret", dovecot_relay.port, oauth, mechanisms=("plain", "login")) as dovecot:
        yield dovecot


@pytest.fixture(scope="session")
def faulty_dovecots(dovecot_relay: SmtpSink, oauth: OAuthServer) -> Iterator[Mapping[str, Dovecot]]:
    """As `dovecot`, but with a bad certificate each: `expired`, `other host`, `self-signed`."""
    with ExitStack() as stack:
        yield {
            fault: stack.enter_context(choose_dovecot()("s3cret", dovecot_relay.port, oauth, certificate=kind))
            for fault, kind in FAULTY.items()
        }


@pytest.fixture(scope="session")
def kerberos(dovecot: Dovecot) -> Iterator[Realm]:
    """The realm whose users `dovecot` lets in by GSSAPI. Shared by all tests: `kerberos_user` is one of your own."""
    with Realm() as realm:
        dovecot.join(realm)
        yield realm


@pytest.fixture
def kerberos_user(kerberos: Realm) -> User:
    """A user of this test alone. Its mailbox is `dovecot`'s account `kerberos_user.mailbox`, and empty."""
    return kerberos.add_user(uuid.uuid4().hex[:12], "of a ticket")


@pytest.fixture
def dovecot_account(dovecot: Dovecot) -> tuple[str, str]:
    """Address (also the login) and password of an empty mailbox of this test alone."""
    return f"{uuid.uuid4().hex[:12]}@example.test", dovecot.password
