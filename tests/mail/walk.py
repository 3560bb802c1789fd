"""A mail through the real resolver and the real logger, chained in memory at a desk, and what came of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from desk.engine import read_transaction
from desk.item_detail import Item, show_item
from desk.ledger import mail_outcomes
from desk.persons import find_persons, load_persons
from logger.handler import LoggerHandler
from resolver.admission import admit
from resolver.examine import examine
from resolver.handler import ResolverHandler
from resolver.resolve import own_addresses
from resolver.sandbox.sandboxed_parser import SandboxedParser
from runtime.blobs import BlobStore
from runtime.processing.outcomes import FinalOutcome, Ok, Reject
from schemas import ids
from schemas.persons import Person
from schemas.resolved_mail import ResolvedMail
from schemas.snapshot import SettingsSnapshot
from schemas.tokens import TokenKeys
from schemas.topics import (
    MAIL_FETCHED,
    MAIL_REJECTED,
    MAIL_RESOLVED,
    NOTIFICATION_REQUESTED,
    NOTIFICATION_RESULTS,
    Topic,
)
from schemas.wire import OutputRecord, Record, encode
from tests.mail.expected import Action, Call, Expected, Screen, Sender, mail_bytes, read
from tests.mail.stored import FOLDER, NOW, SETTINGS, TOKEN_KEYS

PREFIX = "t"
READER = SandboxedParser()  # one child process for all mails; it ends with this one


@dataclass
class Walk:
    """Resolver and logger at one desk. `published`: all that either wrote about the last mail, in order."""

    engine: Engine
    blobs: BlobStore
    settings: SettingsSnapshot = SETTINGS
    token_keys: TokenKeys = TOKEN_KEYS
    published: list[OutputRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._resolver = ResolverHandler(
            lambda: self.settings, lambda: self.settings, self._directory, self.blobs, lambda: NOW, READER.examine,
            self.token_keys,
        )  # fmt: skip
        self._logger = LoggerHandler(self.engine, lambda: self.settings, self.published.extend, PREFIX, lambda: NOW)

    def arrive(self, raw: bytes, server: str) -> list[OutputRecord]:
        """A mail comes to an incoming server and goes as far as it goes. Answers with what was published about it."""
        self.published.clear()
        [outcome] = self._resolver.handle([_fetched(raw, server)])
        self.published += _outputs(outcome)
        resolved = [message for message in self.published if message.topic is MAIL_RESOLVED]
        if resolved:
            [outcome] = self._logger.handle([_record(message) for message in resolved])
            self.published += _outputs(outcome)
        return list(self.published)

    def hear(self, message: OutputRecord) -> None:
        """A record of a topic that the logger reads."""
        [outcome] = self._logger.handle([_record(message)])
        assert isinstance(outcome, Ok)

    def ledger(self, mail_id: str) -> tuple[str, Item] | None:
        """What the desk says became of the mail, and its item; None where it knows nothing of it."""
        with read_transaction(self.engine) as connection:
            found = {one: (outcome, reference) for one, outcome, reference in mail_outcomes(connection)}
            outcome, reference = found.get(mail_id, ("", None))
            item = show_item(connection, reference) if reference else None
        return (outcome, item) if item else None

    def item(self, reference: str) -> Item:
        with read_transaction(self.engine) as connection:
            found = show_item(connection, reference)
        assert found is not None
        return found

    def person(self, person_id: str) -> Person | None:
        with read_transaction(self.engine) as connection:
            return load_persons(connection, [person_id]).get(person_id)

    def _directory(self, addresses: Collection[str]) -> dict[str, tuple[Person, ...]]:
        with read_transaction(self.engine) as connection:
            return find_persons(connection, addresses)


def arrive_all(walk: Walk, names: Sequence[str]) -> None:
    """Mails of this folder, each at the incoming server that its expected result names."""
    for name in names:
        walk.arrive(mail_bytes(FOLDER / f"{name}.eml"), read(FOLDER / f"{name}.yaml").server)


def result_of(walk: Walk, raw: bytes, server: str, after: Sequence[str] = ()) -> Expected:
    """What comes of a mail, in the form in which it is expected."""
    settings = SETTINGS.incoming_server(server)
    assert settings is not None
    examined = admit(examine(raw, own_addresses(SETTINGS)), settings, SETTINGS.email_options())
    published = walk.arrive(raw, server)
    screening = examined.screening
    known: dict[str, Any] = {"server": server, "after": tuple(after), "parse": examined.mail}
    known["screen"] = Screen(verdict=screening.verdict, reason=screening.reason, bounce=screening.bounce)
    for mail in values(published, MAIL_RESOLVED):
        known |= _resolved(mail)
        logged = walk.ledger(mail.mail_id)
        assert logged is not None, "a mail that a person wrote is not in the ledger"
        known |= _logged(*logged, mail, published)
        return Expected(**known)
    return Expected(**known, action=_machine_s(published))


def values(messages: Sequence[OutputRecord], topic: Topic) -> list[Any]:
    """What was published on a topic, decoded."""
    assert topic.value is not None
    return [topic.value.validate_json(one.value) for one in messages if one.topic is topic and one.value is not None]


def _resolved(mail: ResolvedMail) -> dict[str, Any]:
    sender = mail.sender.model_dump(exclude={"reason"})
    return {
        "sender": Sender.model_validate(sender),
        "trust": mail.trust,
        "conversation": mail.conversation,
        "wanted": mail.wanted,
    }


def _logged(outcome: str, item: Item, mail: ResolvedMail, published: Sequence[OutputRecord]) -> dict[str, Any]:
    answers = [one for one in values(published, NOTIFICATION_REQUESTED) if one.role == "author"]
    action = Action(
        outcome=outcome,
        item=item.reference,
        item_status=item.status,
        reason=next((one.reason for one in item.journal if one.mail_id == mail.mail_id), None),
        answer=answers[0].event if answers else None,
    )
    if outcome != "call-logged":
        return {"action": action}
    return {"action": action, "call": Call(**{name: getattr(item, name) for name in Call.model_fields})}


def _machine_s(published: Sequence[OutputRecord]) -> Action:
    for rejected in values(published, MAIL_REJECTED):
        return Action(outcome="rejected", reason=rejected.reason)
    # A report about several recipients gives a result for each of them.
    [action] = {(one.outcome, one.reason, one.notification_id) for one in values(published, NOTIFICATION_RESULTS)}
    return Action(outcome=action[0], reason=action[1], notification=action[2])


def _fetched(raw: bytes, server: str) -> Record:
    """As ingest writes it."""
    mail_id = ids.mail_id(server, raw)
    known = {"serverid": server, "internaldate": NOW.isoformat()}
    return _record(encode(MAIL_FETCHED, "", raw, id=mail_id, source="/mailcall/ingest", time=NOW, extensions=known))


def _record(message: OutputRecord) -> Record:
    return Record(message.topic.name(PREFIX), 0, 0, message.key.encode(), message.value, message.headers)


def _outputs(outcome: FinalOutcome) -> tuple[OutputRecord, ...]:
    assert isinstance(outcome, Ok | Reject), outcome
    return outcome.outputs
