"""The settings snapshot: a value, its look-ups, and every reference that leads nowhere."""

from schemas.setting_problems import problems
from schemas.settings import (
    CallTemplate,
    EmailOptions,
    IncomingServer,
    MapiProfile,
    MessageTemplate,
    OutgoingServer,
    Partition,
    Setting,
)
from schemas.snapshot import SettingsSnapshot

INCOMING = IncomingServer(id="it-in", protocol="imap", call_template="it", default_logging_analyst="ida")
OUTGOING = OutgoingServer(id="it-out", from_address="it@desk.example")
TEMPLATE = CallTemplate(id="it", partition="it", impact="I", urgency="U")
PARTITION = Partition(
    id="it", impacts=("I",), urgencies=("U",), priorities=("P",), priority_matrix={"I": {"U": "P"}},
    outgoing_server="it-out",
)  # fmt: skip


def _snapshot(*settings: Setting) -> SettingsSnapshot:
    return SettingsSnapshot().with_changes((f"{one.kind}/{one.id}", one, n) for n, one in enumerate(settings))


def test_changes_give_a_new_snapshot_and_leave_the_old_one() -> None:
    before = _snapshot(INCOMING, OUTGOING)
    after = before.with_changes([("incoming-server/it-in", None, 2), ("call-template/it", TEMPLATE, 3)])
    assert before.incoming_server("it-in") == INCOMING
    assert before.call_template("it") is None
    assert after.incoming_server("it-in") is None
    assert after.call_template("it") == TEMPLATE
    assert after.versions == {"outgoing-server/it-out": 1, "call-template/it": 3}
    gone = after.with_changes([("partition/none", None, 4)])
    assert (gone.settings, gone.versions, gone.at) == (after.settings, after.versions, 4)


def test_every_kind_is_found_under_its_own_name_only() -> None:
    snapshot = _snapshot(TEMPLATE, PARTITION)
    assert snapshot.call_template("it") == TEMPLATE
    assert snapshot.partition("it") == PARTITION
    assert snapshot.incoming_server("it") is None
    assert snapshot.outgoing_server("it") is None
    assert snapshot.all_of(CallTemplate) == (TEMPLATE,)
    assert snapshot.email_options() == EmailOptions()


def test_a_partition_sends_through_its_own_server_else_the_default_one() -> None:
    other = OutgoingServer(id="other", from_address="a@b")
    options = EmailOptions(default_outgoing_server="other")
    assert _snapshot(PARTITION, OUTGOING, other, options).outgoing_server_for("it") == OUTGOING
    assert _snapshot(PARTITION, OUTGOING, other, options).outgoing_server_for("unknown") == other
    assert _snapshot(PARTITION, OUTGOING, other).outgoing_server_for(None) is None
    assert _snapshot(PARTITION, other, options).outgoing_server_for("it") is None


def test_a_whole_set_of_settings_has_no_problems() -> None:
    snapshot = _snapshot(INCOMING, OUTGOING, TEMPLATE, PARTITION, EmailOptions(default_outgoing_server="it-out"))
    assert problems(snapshot, frozenset({"ida"})) == ()


def test_every_reference_that_leads_nowhere_is_named() -> None:
    template = TEMPLATE.model_copy(update={"urgency": "X"})
    orphan = CallTemplate(id="hr", partition="hr", impact="I", urgency="U")
    lost = INCOMING.model_copy(update={"call_template": "none"})
    options = EmailOptions(default_outgoing_server="gone")
    found = problems(_snapshot(lost, template, orphan, PARTITION, options), frozenset())
    assert sorted(map(str, found)) == [
        "call-template/hr: partition 'hr' does not exist",
        "call-template/it: impact 'I' with urgency 'X' has no priority in partition 'it'",
        "email-options: default_outgoing_server 'gone' does not exist",
        "incoming-server/it-in: call_template 'none' does not exist",
        "incoming-server/it-in: default_logging_analyst 'ida' is no person",
        "partition/it: outgoing_server 'it-out' does not exist",
    ]
    assert not any("is no person" in problem.text for problem in problems(_snapshot(INCOMING)))


def test_two_message_templates_for_the_same_and_one_for_no_partition_are_named() -> None:
    def template(id_: str, **changes: str) -> MessageTemplate:
        values = {"id": id_, "event": "CallLogged", "subject": "s", "text": "t"} | changes
        return MessageTemplate.model_validate(values)

    other_role, other_partition = template("c", recipient="user"), template("d", partition="it")
    found = problems(_snapshot(PARTITION, OUTGOING, template("a"), template("b"), other_role, other_partition))
    assert tuple(map(str, found)) == tuple(
        f"message-template/{id_}: there is another template for CallLogged with the same recipient and partition"
        for id_ in "ab"
    )
    (lost,) = problems(_snapshot(template("e", partition="hr")))
    assert str(lost) == "message-template/e: partition 'hr' does not exist"


def test_a_mapi_server_needs_its_profile() -> None:
    mapi = {"protocol": "mapi", "profile": "online", "mailbox": "it@desk.example"}
    incoming = IncomingServer.model_validate(
        {**mapi, "id": "in", "call_template": TEMPLATE.id, "default_logging_analyst": "ida"}
    )
    outgoing = OutgoingServer.model_validate({**mapi, "id": "out", "from_address": "it@desk.example"})
    found = problems(_snapshot(PARTITION, OUTGOING, TEMPLATE, incoming, outgoing))
    assert [(problem.key, problem.path) for problem in found] == [
        ("incoming-server/in", ("profile",)),
        ("outgoing-server/out", ("profile",)),
    ]
    assert "the MAPI Mail Server must be configured before you can configure incoming email for MAPI" in found[0].text
    profile = MapiProfile(id="online", transport="graph", managed_identity=True)
    assert problems(_snapshot(PARTITION, OUTGOING, TEMPLATE, incoming, outgoing, profile)) == ()
