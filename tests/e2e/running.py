"""A whole pipeline with a mail host of its own, and what the end-to-end tests ask of it."""

import smtplib
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from email.message import EmailMessage
from pathlib import Path

from sqlalchemy import Engine, func, select

from console.settings.settings_file import SettingsFile
from deploy.local.demo.settings import PASSWORD, PASSWORD_VARIABLE, demo_settings
from deploy.local.pipeline import PROCESSES, Pipeline
from deploy.local.ports import wait_until
from deploy.local.servers.mail_host import MailHost
from deploy.local.servers.mailboxes import Mailboxes, Reply
from deploy.local.servers.relay import Relay
from desk.engine import open_desk, read_transaction
from desk.tables import items, journal, mails, person_addresses
from schemas.settings import EmailOptions, IncomingServer, Setting
from schemas.settings.notification_rules import AutoReplyLimits

IT, HR = "it@desk.example", "hr@desk.example"
SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail that was sent, by somebody the desk does not know."""

    sender: str
    message_id: str


class RunningDesk:
    """The demo's desk. Nothing is taken off its mailboxes, so that they can be read again."""

    def __init__(self, pipeline: Pipeline, mail_host: MailHost, relay: Relay) -> None:
        self.pipeline = pipeline
        self.mail_host = mail_host
        self.relay = relay
        self.settings = _for_tests(demo_settings(mail_host, relay))
        self.engine: Engine = open_desk(pipeline.config.desk_url)

    def set_up(self) -> None:
        """Topics and settings; ready when it returns."""
        self.pipeline.create_topics()
        self.pipeline.apply(self.settings, "end-to-end test")
        self.pipeline.wait_ready()
        self.pipeline.wait_for_persons(self.settings)

    def send(self, count: int, sender: str | None = None) -> list[Sent]:
        """So many mails, to IT and HR in turn, each from somebody new unless `sender` says from whom."""
        return [self._send(sender or self.new_sender(), (IT, HR)[number % 2]) for number in range(count)]

    def new_sender(self) -> str:
        address = f"{uuid.uuid4().hex[:12]}@example.org"
        self.mail_host.add_account(address, PASSWORD)
        return address

    def answer(self, sender: str, to: str, **headers: str) -> Sent:
        """A mail that answers another one, by these headers: `subject`, `in_reply_to`."""
        return self._send(sender, to, **headers)

    def _send(self, sender: str, to: str, subject: str = "Please help", in_reply_to: str = "") -> Sent:
        sent = Sent(sender, f"<{uuid.uuid4().hex}@example.org>")
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = f"Somebody New <{sender}>", to, subject
        message["Message-ID"] = sent.message_id
        if in_reply_to:
            message["In-Reply-To"] = in_reply_to
        message.set_content("My screen is dark.\n")
        with smtplib.SMTP(self.mail_host.host, self.mail_host.smtp_port, timeout=30) as smtp:
            smtp.send_message(message, sender, [to])
        return sent

    def logged(self, sent: Sequence[Sent]) -> int:
        """How many of these mails have become calls; a mail that became two counts twice."""
        query = (
            select(func.count())
            .select_from(journal)
            .join(mails, mails.c.mail_id == journal.c.mail_id)
            .join(items, items.c.id == journal.c.item_id)
            .where(mails.c.message_id.in_([one.message_id for one in sent]), items.c.kind == "call")
        )
        with read_transaction(self.engine) as connection:
            return connection.scalar(query) or 0

    def outcomes(self, *sent: Sent) -> list[tuple[str, int, int | None]]:
        """Of each mail its outcome, the number of its item, and that of the item which this one is linked to."""
        query = select(mails.c.message_id, mails.c.outcome, items.c.id, items.c.linked_to).join_from(
            mails, items, items.c.id == mails.c.item_id
        )
        with read_transaction(self.engine) as connection:
            found = {row[0]: (row[1], row[2], row[3]) for row in connection.execute(query)}
        return [found[one.message_id] for one in sent]

    def persons(self, sent: Sequence[Sent]) -> int:
        """How many persons have the addresses of these mails' senders."""
        wanted = {one.sender for one in sent}
        query = select(func.count()).where(person_addresses.c.normalised.in_(wanted))
        with read_transaction(self.engine) as connection:
            return connection.scalar(query) or 0

    def calls(self) -> int:
        with read_transaction(self.engine) as connection:
            return connection.scalar(select(func.count()).select_from(items)) or 0

    def answers(self, sent: Sequence[Sent]) -> list[Reply]:
        """Every mail that the senders have received."""
        senders = {one.sender for one in sent}
        with Mailboxes(self.mail_host.host, self.mail_host.imap_port, senders, PASSWORD) as mailboxes:
            return mailboxes.look()

    def wait_for_answers(self, sent: Sequence[Sent]) -> list[Reply]:
        """All answers, as soon as each of these mails has one."""
        senders = {one.sender for one in sent}
        open_questions = {one.message_id for one in sent}
        received: list[Reply] = []
        with Mailboxes(self.mail_host.host, self.mail_host.imap_port, senders, PASSWORD) as mailboxes:

            def all_answered() -> bool:
                received.extend(mailboxes.look())
                return open_questions <= {answer.answers for answer in received}

            wait_for(all_answered, f"an answer to each of {len(sent)} mails")
        return received


def repeated(answers: Collection[Reply]) -> int:
    """How many answers came more than once, by their Message-ID."""
    return sum(count - 1 for count in Counter(answer.message_id for answer in answers).values())


def wait_for(condition: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    assert wait_until(condition, seconds), f"waited {seconds:.0f} s in vain for {what}"


@contextmanager
def running_desk(
    directory: Path,
    bootstrap_servers: str,
    desk_url: str,
    mail_host: MailHost,
    *,
    set_up: bool = True,
    processes: Sequence[str] = PROCESSES,
    environment: Mapping[str, str] | None = None,
) -> Iterator[RunningDesk]:
    """A pipeline of its own, under topics of its own. `mail_host` need not run yet unless it is set up here."""
    accounts = dict.fromkeys((IT, HR), PASSWORD)
    with ExitStack() as stack:
        relay = stack.enter_context(Relay(mail_host, accounts, directory / "relay"))
        pipeline = Pipeline(
            directory,
            bootstrap_servers=bootstrap_servers,
            topic_prefix=f"e2e-{uuid.uuid4().hex[:8]}",
            desk_url=desk_url,
            environment={PASSWORD_VARIABLE: PASSWORD, **(environment or {})},
            processes=processes,
        )
        desk = RunningDesk(stack.enter_context(pipeline), mail_host, relay)
        stack.callback(desk.engine.dispose)
        if set_up:
            desk.set_up()
        yield desk


def _for_tests(file: SettingsFile) -> SettingsFile:
    """Mails are left on their servers, and everybody is answered, though nobody is proved."""

    def changed(setting: Setting) -> Setting:
        if isinstance(setting, IncomingServer):
            return setting.model_copy(update={"after_fetch": "leave"})
        if isinstance(setting, EmailOptions):
            return setting.model_copy(update={"answers": AutoReplyLimits(unproved_in_hour=0)})
        return setting

    return replace(file, settings={key: changed(setting) for key, setting in file.settings.items()})
