"""The mails of a storm, and the settings of the desk that they come to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from console.settings.settings_file import SettingsFile
from deploy.local.bench.mails import ENGLISH
from deploy.local.bench.servers import ANY_NUMBER, DESK_DOMAIN, desk_settings
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
