"""The expected result of a mail: what a `.yaml` beside an `.eml` holds. What is left out of it is empty."""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from schemas.base import Model
from schemas.mail import Bounce, ParsedMail
from schemas.persons import PersonKind
from schemas.reasons import Reason
from schemas.resolved_mail import ConversationReferences, TrustVerdict
from tests.mail.stored import with_places, with_signed


class Screen(Model):
    verdict: Literal["person", "rejected", "notification-result"]
    reason: Reason | None = None
    bounce: Bounce | None = None


class Sender(Model):
    """Requirement R9.5: who performs the action; Requirement R11: what follows. Names stand only in a new person's.

    `person_address`: of a new person, where it is not the one that the mail comes from.
    """

    address: str
    name: str = ""
    first_name: str = ""
    last_name: str = ""
    person_id: str
    kind: PersonKind
    new_person: bool = False
    person_address: str = ""
    set_user_flag: bool = False
    logging_analyst: str


class Action(Model):
    """`outcome` as in the desk's ledger; the `item` and how it stands then; `answer`: the event the sender is told of.

    Of a machine's mail: `rejected` and its reason; of a report about our own mail: what became of which `notification`.
    """

    outcome: str
    item: str | None = None
    item_status: str | None = None
    reason: Reason | None = None
    answer: str | None = None
    notification: str | None = None


class Call(Model):
    """Every property of the call that a mail logs."""

    partition: str
    subject: str
    description: str
    user: str
    logging_analyst: str
    call_template: str
    call_type: str
    screen_set: str
    ipk_status: str
    ipk_stream: str
    assigned_office: str
    assigned_group: str
    impact: str
    urgency: str
    priority: str
    fields: dict[str, str] = Field(default_factory=dict)
    linked_to: str | None = None


class Expected(Model):
    """`server`: the incoming server that the mail reaches; `after`: mails of this folder that reached it before."""

    server: str
    after: tuple[str, ...] = ()
    parse: ParsedMail
    screen: Screen
    sender: Sender | None = None
    trust: TrustVerdict = "not-checked"
    conversation: ConversationReferences | None = None
    wanted: Literal["log-or-update", "close"] | None = None
    action: Action
    call: Call | None = None


def mail_bytes(path: Path) -> bytes:
    """The mail as it arrives: what is signed filled in."""
    return with_signed(path.read_bytes())


def read(path: Path) -> Expected:
    """Raises on a key that is none, or given twice."""
    data = yaml.load(with_signed(path.read_bytes()), _Loader)
    return Expected.model_validate(data, extra="forbid")


def write(expected: Expected, comment: str) -> str:
    data = expected.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    _say_once(data)
    text = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100_000)
    return with_places(f"# {comment}\n{text}")


class _Loader(yaml.CSafeLoader):
    """Takes no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(set(keys)) == len(keys), f"a key stands twice: {keys}"
        return super().construct_mapping(node, deep)


class _Text(str):
    """A string that an anchor is made of where it stands more than once."""


class _Dumper(yaml.SafeDumper):
    """Several lines as a block, short lists and mappings in one line, invisible characters as escapes."""

    def ignore_aliases(self, data: Any) -> bool:
        return not isinstance(data, _Text)

    def generate_anchor(self, node: yaml.Node) -> str:
        del node  # there is one such string
        return "text"

    def write_double_quoted(self, text: str, split: bool = True) -> None:
        self.allow_unicode = all(c.isprintable() or c == "\n" for c in text)
        super().write_double_quoted(text, split)
        self.allow_unicode = True


def _string(dumper: _Dumper, text: str) -> yaml.Node:
    visible = all(c.isprintable() or c == "\n" for c in text)
    style = '"' if not visible else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


def _mapping(dumper: _Dumper, data: dict[str, Any]) -> yaml.Node:
    short = all(isinstance(value, str | int | None) and len(str(value)) < 70 for value in data.values())
    return dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=short and len(data) <= 6)


def _list(dumper: _Dumper, data: list[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=all(isinstance(v, str) for v in data))


_Dumper.add_representer(str, _string)
_Dumper.add_representer(_Text, _string)
_Dumper.add_representer(dict, _mapping)
_Dumper.add_representer(list, _list)


def _say_once(data: dict[str, Any]) -> None:
    """`reply` and the call's `description` refer to the mail's text where they are the same."""
    parse, call = data["parse"], data.get("call") or {}
    text = parse.get("text") or ""
    shared = _Text(text)
    same = [(holder, key) for holder, key in ((parse, "reply"), (call, "description")) if holder.get(key) == text]
    if same and text:
        for holder, key in ((parse, "text"), *same):
            holder[key] = shared
