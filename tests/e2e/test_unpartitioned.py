"""A desk without partitioning: a settings file that names no partition, and a mail's walk by its rules."""

from pathlib import Path

import pytest

from console.settings.checks import check_references
from console.settings.file_reading import read_settings_file
from console.settings.state import State
from outbound.choose import Chosen, choose_server
from outbound.render import Templates, render
from schemas.settings import Format
from schemas.snapshot import SettingsSnapshot
from schemas.topics import CALL_EVENTS, NOTIFICATION_REQUESTED
from tests.desks import new_desk
from tests.logger.harness import make_mail, opened

FILE = """
persons: [{id: ida, is_analyst: true}]
partitions: [{impacts: [one], urgencies: [now, later], priorities: [P1, P2],
              priority_matrix: {one: {now: P1, later: P2}}}]
call_templates: [{id: plain, impact: one, urgency: later}]
outgoing_servers: [{id: out, from_address: it@desk.example}]
email_options: {default_outgoing_server: out}
message_templates: [{id: m, event: CallLogged, subject: "{{ subject }}", text: "<{{ partition }}> {{ reference }}"}]
incoming_servers: [{id: it-in, protocol: imap, username: it, password: {env: PW},
                    call_template: plain, default_logging_analyst: ida}]
"""


@pytest.fixture
def settings(tmp_path: Path) -> SettingsSnapshot:
    """What `mailcall apply` takes of the file."""
    path = tmp_path / "desk.yaml"
    path.write_text(FILE)
    file = read_settings_file(path)
    check_references(file, State())
    return SettingsSnapshot().with_changes((key, value, 1) for key, value in file.settings.items())


def test_a_call_is_logged_with_its_priority_and_told_of(settings: SettingsSnapshot, tmp_path: Path) -> None:
    with opened(new_desk(tmp_path / "desk.db")) as logger:
        logger.settings = settings
        mail = make_mail("one", call_template="plain")
        logger.feed(mail)
        call = logger.item_of(mail)
    assert (call.reference, call.priority, call.partition) == ("C-000001", "P2", "desk")
    (event,) = logger.of(CALL_EVENTS)
    assert (event.priority, event.settings_versions["partition/desk"]) == ("P2", 1)
    (told,) = logger.of(NOTIFICATION_REQUESTED)
    chosen = choose_server(settings, told.partition, lambda _server: None)
    assert isinstance(chosen, Chosen)
    assert chosen.server.id == "out"
    assert "<> C-000001" in render(told, Templates(settings), Format.TEXT).text


def test_a_named_partition_is_called_by_its_name(settings: SettingsSnapshot, tmp_path: Path) -> None:
    partition = settings.partition("desk")
    assert partition is not None
    named = partition.model_copy(update={"name": "Service desk"})
    with opened(new_desk(tmp_path / "desk.db")) as logger:
        logger.settings = settings.with_changes([("partition/desk", named, 2)])
        logger.feed(make_mail("one", call_template="plain"))
    assert logger.of(NOTIFICATION_REQUESTED)[0].data["partition"] == "Service desk"
