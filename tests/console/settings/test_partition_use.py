"""What belongs to a partition, and which of its call templates give no Priority."""

from console.settings.partitions import use_of
from schemas.settings import CallTemplate, EmailOptions, IncomingServer, MessageTemplate, OutgoingServer, Partition
from schemas.settings.notification_rules import Group, NotificationRule
from schemas.snapshot import SettingsSnapshot

IT = Partition(id="it", impacts=("I",), urgencies=("U",), priorities=("P",), priority_matrix={"I": {"U": "P"}})
HR = IT.model_copy(update={"id": "hr", "outgoing_server": "hr-out"})


def _settings() -> SettingsSnapshot:
    values = (
        IT,
        HR,
        CallTemplate(id="it-call", partition="it", impact="I", urgency="U"),
        CallTemplate(id="it-odd", partition="it", impact="I", urgency="Whenever"),
        CallTemplate(id="hr-call", partition="hr", impact="I", urgency="U"),
        IncomingServer(id="it-in", protocol="imap", call_template="it-call", default_logging_analyst="ann"),
        IncomingServer(id="hr-in", protocol="imap", call_template="hr-call", default_logging_analyst="ann"),
        OutgoingServer(id="out", from_address="desk@example.com"),
        OutgoingServer(id="hr-out", from_address="hr@example.com"),
        EmailOptions(default_outgoing_server="out"),
        MessageTemplate(id="it-text", event="CallLogged", partition="it", subject="s", text="t"),
        MessageTemplate(id="all", event="CallLogged", subject="s", text="t"),
        NotificationRule(id="it-rule", event="CallLogged", partition="it", tell=()),
        Group(id="it-group", partition="it", address="it@example.com"),
        Group(id="hr-group", partition="hr", address="hr@example.com"),
    )
    return SettingsSnapshot().with_changes((f"{one.kind}/{one.id}", one, 0) for one in values)


def test_everything_of_a_partition_is_found_and_nothing_of_another() -> None:
    use = use_of(_settings(), IT)
    assert use.incoming_servers == ("it-in",)
    assert (use.outgoing_server, use.is_default_server) == ("out", True)
    assert use.call_templates == ("it-call", "it-odd")
    assert (use.message_templates, use.notification_rules, use.groups) == (("it-text",), ("it-rule",), ("it-group",))


def test_a_template_without_priority_is_named() -> None:
    assert use_of(_settings(), IT).without_priority == ("it-odd",)
    assert use_of(_settings(), HR).without_priority == ()


def test_a_partitions_own_server_goes_before_the_default_one() -> None:
    use = use_of(_settings(), HR)
    assert (use.outgoing_server, use.is_default_server) == ("hr-out", False)
    assert use_of(SettingsSnapshot(), IT).outgoing_server is None
