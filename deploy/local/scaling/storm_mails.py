"""The mails of a storm, the desk that they come to, and whether what became of them is right."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from sqlalchemy import Connection, select

from console.settings.settings_file import SettingsFile
from deploy.local.bench.mails import ENGLISH
from deploy.local.bench.servers import ANY_NUMBER, DESK_DOMAIN, desk_settings
from desk.tables import items, mails
from schemas import ids
from schemas.settings import Authentication, EmailOptions, IncomingServer, OutgoingServer, RateLimits, Security
from schemas.topics import MAIL_FETCHED
from schemas.wire import OutputRecord

SERVER, SENDERS = "storm", 300


@dataclass(frozen=True, slots=True)
class StormMail:
    """One mail that logs a call."""

    number: int
    sender: str
    raw: bytes

    @property
    def mail_id(self) -> str:
        return ids.mail_id(SERVER, self.raw)

    @property
    def message_id(self) -> str:
        return message_id(self.number)

    @property
    def message(self) -> OutputRecord:
        """As another system publishes it (docs/integrate.md)."""
        return OutputRecord(MAIL_FETCHED, self.sender, self.raw, (("ce_serverid", SERVER.encode()),))


def message_id(number: int) -> str:
    return f"<{number}@storm.example>"


def make_mails(numbers: Iterable[int]) -> Iterator[StormMail]:
    """1-4 kB of text, of 300 senders in any order. The same number gives the same mail."""
    for number in numbers:
        random = Random(number)
        sender = f"sender{random.randrange(SENDERS)}@example.com"
        head = f"From: Somebody <{sender}>\r\nSubject: Mail {number}\r\nMessage-ID: {message_id(number)}\r\n\r\n"
        lines = (" ".join(random.choices(ENGLISH, k=9)) for _ in range(random.randint(16, 64)))
        yield StormMail(number, sender, (head + "\r\n".join(lines)).encode())


def storm_settings(sink_host: str, sink_port: int) -> SettingsFile:
    """A desk that answers every mail, into the sink. Nobody fetches: a storm is published."""
    incoming = IncomingServer(
        id=SERVER,
        protocol="folder",
        path="/nowhere",
        call_template="mail",
        default_logging_analyst="analyst",
        floods=RateLimits(per_sender=0, per_sender_and_item=0),
    )
    outgoing = OutgoingServer(
        id="sink",
        host=sink_host,
        port=sink_port,
        security=Security.NONE,
        authentication=Authentication.NONE,
        from_address=f"desk@{DESK_DOMAIN}",
    )
    return desk_settings([incoming, outgoing, EmailOptions(default_outgoing_server=outgoing.id, answers=ANY_NUMBER)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of `mails`. `lost`: no call, or no answer; `twice`: calls and answers that are one too many;
    `late_...`: those that came after a later one of the same sender.
    """

    mails: int
    lost: int
    twice: int
    late_calls: int
    late_answers: int

    @property
    def ok(self) -> bool:
        return self.mails > 0 and not (self.lost or self.twice or self.late_calls or self.late_answers)


def outcome(connection: Connection, answers: Mapping[str, Sequence[str]], sent: Sequence[StormMail]) -> Outcome:
    """What the desk holds of the mails, and which answers came: Message-ID of a mail -> those of its answers, in the
    order in which they came.
    """
    by_subject = {f"Mail {mail.number}": mail for mail in sent}
    logged = connection.scalars(select(items.c.subject).order_by(items.c.id))
    calls = [by_subject[subject] for subject in logged if subject in by_subject]
    by_message_id = {mail.message_id: mail for mail in sent}
    answered = [by_message_id[answer] for answer in answers if answer in by_message_id]
    taken = set(connection.scalars(select(mails.c.mail_id).where(mails.c.outcome == "call-logged")))
    called = Counter(mail.number for mail in calls)
    return Outcome(
        mails=len(sent),
        lost=sum(mail.mail_id not in taken or not called[mail.number] for mail in sent) + len(sent) - len(answered),
        twice=len(calls) - len(called) + sum(len(answers[mail.message_id]) - 1 for mail in answered),
        late_calls=_overtaken(calls),
        late_answers=_overtaken(answered),
    )


def _overtaken(came: Iterable[StormMail]) -> int:
    """How many came after a later one of the same sender."""
    last: dict[str, int] = defaultdict(lambda: -1)
    count = 0
    for mail in came:
        count += mail.number < last[mail.sender]
        last[mail.sender] = max(last[mail.sender], mail.number)
    return count
