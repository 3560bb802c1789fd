"""Who is told of each event, as things are, and by which rule."""

from console.settings.page_context import NotifiedRoles, notified_roles
from schemas.settings.notification_rules import DEFAULT_RULES, NotificationRule
from schemas.snapshot import SettingsSnapshot


def test_own_rules_go_first_then_the_general_one_then_the_habit() -> None:
    rules = (
        NotificationRule(id="it", event="CallLogged", partition="it", tell=("watchers",)),
        NotificationRule(id="hr", event="CallLogged", partition="hr", tell=()),
        NotificationRule(id="all", event="CallClosed", tell=("user",)),
    )
    settings = SettingsSnapshot().with_changes((f"{one.kind}/{one.id}", one, 0) for one in rules)
    found = notified_roles(settings)
    assert [one for one in found if one.event == "CallLogged"] == [
        NotifiedRoles("CallLogged", "hr", (), "hr"),
        NotifiedRoles("CallLogged", "it", ("watchers",), "it"),
        NotifiedRoles("CallLogged", None, DEFAULT_RULES["CallLogged"], ""),
    ]
    assert [one for one in found if one.event == "CallClosed"] == [NotifiedRoles("CallClosed", None, ("user",), "all")]
    assert {one.event for one in found} == set(DEFAULT_RULES)


def test_what_is_said_is_what_the_desk_does() -> None:
    rule = NotificationRule(id="it", event="CallLogged", partition="it", tell=("watchers",))
    settings = SettingsSnapshot().with_changes([("notification-rule/it", rule, 0)])
    for one in notified_roles(settings):
        assert settings.notified_roles(one.event, one.partition or "another") == one.roles
