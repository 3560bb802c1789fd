"""A settings file put over what is set up: what it names is set, what it does not name stays, null takes away."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from console.errors import UserError
from console.settings.apply import plan
from console.settings.file_reading import read_settings_file
from console.settings.settings_file import SettingsFile
from console.settings.state import State
from schemas.persons import Person
from schemas.settings import (
    CallTemplate,
    EmailOptions,
    Format,
    IncomingServer,
    OAuth,
    OutgoingServer,
    Partition,
    RateLimits,
    Secret,
    Setting,
)
from schemas.snapshot import SettingsSnapshot

PARTITION = Partition(
    name="IT", impacts=("a",), urgencies=("b",), priorities=("P1", "P2"), priority_matrix={"a": {"b": "P1"}}
)
TEMPLATE = CallTemplate(id="c", impact="a", urgency="b", fields={"room": "2.14", "floor": "2"})
MAILBOX = IncomingServer(
    id="m",
    protocol="imap",
    port=1993,
    call_template="c",
    default_logging_analyst="ida",
    username="u",
    password=Secret(env="PW"),
    after_fetch="move",
    move_to="Done",
    floods=RateLimits(minutes=5, per_sender=7),
)
SMTP = OutgoingServer(id="o", from_address="desk@example.org")
OPTIONS = EmailOptions(default_format=Format.TEXT, plus_tags=True)
IDA = Person(id="ida", office="North", is_user=True, is_analyst=True, version=4)


def state_of(*settings: Setting) -> State:
    changes = [(f"{one.kind}/{one.id}", one, offset) for offset, one in enumerate(settings)]
    return State(SettingsSnapshot().with_changes(changes), {"ida": IDA})


SET_UP = state_of(PARTITION, TEMPLATE, MAILBOX, SMTP, OPTIONS)


def read(folder: Path, state: State = SET_UP, **sections: Any) -> SettingsFile:
    path = folder / "desk.yaml"
    path.write_text(yaml.safe_dump(sections))
    return read_settings_file(path, None, state)


def one(folder: Path, **sections: Any) -> Any:
    file = read(folder, **sections)
    values: list[Any] = [*file.settings.values(), *file.persons.values()]
    [value] = values
    return value


@pytest.mark.parametrize(
    ("section", "entry", "stored", "changes"),
    [
        ("persons", {"id": "ida", "is_analyst": True}, IDA, {}),
        ("persons", {"id": "ida", "office": "South"}, IDA, {"office": "South"}),
        ("persons", {"id": "ida", "office": None}, IDA, {"office": ""}),
        ("persons", {"id": "ida", "is_user": False}, IDA, {"is_user": False}),
        ("incoming_servers", {"id": "m"}, MAILBOX, {}),
        ("incoming_servers", {"id": "m", "port": None}, MAILBOX, {"port": None}),
        (
            "incoming_servers",
            {"id": "m", "floods": {"per_sender": 8}},
            MAILBOX,
            {"floods": RateLimits(minutes=5, per_sender=8)},
        ),
        ("incoming_servers", {"id": "m", "floods": {"minutes": None}}, MAILBOX, {"floods": RateLimits(per_sender=7)}),
        ("incoming_servers", {"id": "m", "floods": None}, MAILBOX, {"floods": RateLimits()}),
        ("incoming_servers", {"id": "m", "password": {"file": "/pw"}}, MAILBOX, {"password": Secret(file="/pw")}),
        (
            "incoming_servers",
            {"id": "m", "after_fetch": "seen", "move_to": None},
            MAILBOX,
            {"after_fetch": "seen", "move_to": None},
        ),
        ("call_templates", {"id": "c", "fields": {"room": "3"}}, TEMPLATE, {"fields": {"room": "3"}}),
        ("partitions", {"priorities": ["P1"]}, PARTITION, {"priorities": ("P1",)}),
        ("email_options", {"default_format": "html"}, OPTIONS, {"default_format": Format.HTML}),
    ],
)
def test_a_file_sets_what_it_names_and_nothing_else(
    tmp_path: Path, section: str, entry: dict[str, Any], stored: Any, changes: dict[str, Any]
) -> None:
    found = one(tmp_path, **{section: entry if section == "email_options" else [entry]})

    assert found == stored.model_copy(update=changes)


def test_what_is_not_set_up_yet_is_read_as_it_stands(tmp_path: Path) -> None:
    new = one(tmp_path, persons=[{"id": "bob", "is_user": True, "office": None}])

    assert new == Person(id="bob", is_user=True)


def test_the_same_file_leaves_the_user_flag_that_a_mail_set(tmp_path: Path) -> None:
    file = read(tmp_path, persons=[{"id": "ida", "office": "North", "is_analyst": True}])

    assert [change.effect for change in plan(file, SET_UP).changes] == ["unchanged"]


def test_a_source_of_tokens_is_changed_field_by_field_and_its_secrets_whole(tmp_path: Path) -> None:
    oauth = OAuth(token_url="https://old.example/t", client_id="i", client_secret=Secret(env="CS"))
    state = state_of(PARTITION, TEMPLATE, MAILBOX.model_copy(update={"oauth": oauth}))
    entry = {"id": "m", "oauth": {"token_url": "https://new.example/t", "client_secret": {"file": "/cs"}}}

    [server] = read(tmp_path, state, incoming_servers=[entry]).settings.values()

    assert isinstance(server, IncomingServer)
    assert server.oauth == OAuth(token_url="https://new.example/t", client_id="i", client_secret=Secret(file="/cs"))


@pytest.mark.parametrize(
    ("entry", "path", "told"),
    [
        ({"id": "m", "prot": None}, "incoming_servers[0].prot", "there is no such field"),
        ({"id": "m", "protocol": None}, "incoming_servers[0].protocol", "it is missing"),
        (
            {"id": "m", "after_fetch": "seen"},
            "incoming_servers[0]",
            "what the file does not name stays as it is: move_to. FIELD: null takes one away",
        ),
    ],
)
def test_what_fits_no_more_is_told_with_what_stays(tmp_path: Path, entry: dict[str, Any], path: str, told: str) -> None:
    with pytest.raises(UserError) as refused:
        read(tmp_path, incoming_servers=[entry])

    [problem] = refused.value.problems
    assert problem.place == path
    assert told in str(problem)


@pytest.mark.parametrize(
    ("text", "line", "path"),
    [
        ("outgoing_servers:\n- from_address: a@b.c\n  id: m\n", 3, "outgoing_servers[0].id"),
        (
            "incoming_servers:\n- id: o\n  protocol: imap\n  call_template: c\n  default_logging_analyst: ida\n",
            2,
            "incoming_servers[0].id",
        ),
        (
            "outgoing_servers: [{id: x, from_address: a@b.c}]\nincoming_servers:\n"
            "- {protocol: imap, call_template: c,\n   id: x, default_logging_analyst: ida}\n",
            4,
            "incoming_servers[0].id",
        ),
    ],
    ids=["incoming is set up", "outgoing is set up", "both in the file"],
)
def test_an_id_is_free_in_both_directions_and_refused_at_its_own_place(
    tmp_path: Path, text: str, line: int, path: str
) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text(text)

    with pytest.raises(UserError) as refused:
        read_settings_file(file, None, SET_UP)

    [problem] = refused.value.problems
    assert (problem.line, problem.place) == (line, path)
    assert "already" in problem.cause
    assert "choose another id" in problem.remedy


def test_two_servers_that_share_an_id_already_can_still_be_changed(tmp_path: Path) -> None:
    state = state_of(PARTITION, TEMPLATE, MAILBOX, SMTP.model_copy(update={"id": "m"}))

    file = read(
        tmp_path, state, outgoing_servers=[{"id": "m", "port": 25}], incoming_servers=[{"id": "m", "port": 143}]
    )

    assert len(file.settings) == 2
