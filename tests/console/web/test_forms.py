"""From a setting to its form and back: nothing gets lost, secrets stay where they are."""

import base64
from typing import Any

import pytest
from starlette.datastructures import FormData, UploadFile

from console.settings.entries import read_entry
from console.web import form_errors, form_values, forms, model_fields
from console.web.form_errors import PageError
from console.web.forms import Look
from console.web.model_fields import Choice
from schemas.base import Model
from schemas.settings import (
    CallTemplate,
    EmailOptions,
    IncomingServer,
    MessageTemplate,
    OAuth,
    OutgoingServer,
    Partition,
    Secret,
)
from schemas.settings.notification_rules import Group, NotificationRule

BOX = base64.b64encode(b"a box that is long enough to hold the sealed password in it").decode()
SEALED = Secret(sealed=BOX)
SETTINGS: tuple[Model, ...] = (
    IncomingServer(
        id="it",
        protocol="imap",
        host="mail.example",
        port=993,
        authentication="sasl-xoauth2",
        username="it@desk.example",
        password=SEALED,
        oauth=OAuth(token_url="https://login.example/token", client_id="us", client_secret=SEALED),
        call_template="it",
        default_logging_analyst="ida",
        use_linked_analyst=True,
        poll_seconds=2.5,
        close_words=("#close", "done"),
        may_close=("user", "any-analyst"),
        trust="mark",
        authserv_id="mx.example",
    ),
    OutgoingServer(id="out", from_address="it@desk.example", connections=4),
    CallTemplate(id="it", impact="High", urgency="Low", fields={"cost centre": "12", "site": "a = b"}),
    MessageTemplate(id="m", event="CallLogged", subject="x", text="Dear\n\n  you", html="<p>\n</p>"),
    NotificationRule(id="r", event="CallLogged", tell=("user", "watchers")),
    Group(id="g", members=("ida", "hal")),
    EmailOptions(blocked_senders=("a@b.example", "@c.example"), message_format_per_person=True),
)


def posted(model: type[Model], values: form_values.Values) -> FormData:
    """What a browser sends of the form as it is shown."""
    sent: list[tuple[str, str | UploadFile]] = []
    for field in forms.fields(model, values, values):
        if field.widget == "checkbox":
            sent += [(field.name, "yes")] if field.value else []
        elif field.widget == "checks":
            sent += [(field.name, line) for line in str(field.value).split("\n") if line]
        elif field.widget == "secret":
            sent += [(field.name + form_values.SECRET, "")]
        else:
            sent += [(field.name, str(field.value).replace("\n", "\r\n"))]
    return FormData(sent)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: type(setting).__name__)
def test_a_form_that_is_sent_as_it_was_shown_changes_nothing(setting: Model) -> None:
    model = type(setting)
    names = model_fields.names_of(model)
    shown = form_values.values_of(setting, names)
    form = posted(model, shown)
    typed = form_values.typed_values(model, names, form, shown)
    assert typed == shown
    value, faults = read_entry(form_values.entry_of(model, typed, form, setting), model, None)
    assert not faults and value == setting


def test_a_new_one_shows_the_defaults_of_its_model() -> None:
    names = model_fields.names_of(IncomingServer)
    values = form_values.default_values(IncomingServer, names)
    assert (values["poll_seconds"], values["after_fetch"], values["enabled"]) == ("60", "seen", True)
    assert (values["call_template"], values["oauth.token_url"], values["floods.per_sender"]) == ("", "", "500")


def test_tables_and_lists_of_rules_are_a_pages_own() -> None:
    assert {"priority_matrix", "after_closing"}.isdisjoint(model_fields.names_of(Partition))


def edited(form: dict[str, str]) -> dict[str, Any]:
    setting = SETTINGS[0]
    names = ("username", "password", "oauth.token_url", "oauth.client_id", "oauth.client_secret")
    shown, sent = form_values.values_of(setting, names), FormData(form)
    return form_values.entry_of(
        IncomingServer, form_values.typed_values(IncomingServer, names, sent, shown), sent, setting
    )


def test_a_secret_stays_unless_one_is_typed_or_it_is_taken_away() -> None:
    assert edited({})["password"] == {"sealed": BOX}
    assert edited({"password.secret": " new "})["password"] == {"clear": " new "}
    assert "password" not in edited({"password.remove": "yes"})
    assert form_values.has_blank_end(FormData({"password.secret": "new "}), ("password",)) == ["password"]


def test_an_optional_part_that_is_emptied_is_left_out() -> None:
    assert edited({})["oauth"] == {"client_secret": {"sealed": BOX}}
    assert "oauth" not in edited({"oauth.client_secret.remove": "yes"})


def test_no_field_shows_a_secret() -> None:
    setting = SETTINGS[0]
    shown = forms.fields(
        IncomingServer, model_fields.names_of(IncomingServer), form_values.values_of(setting, ("password",))
    )
    (password,) = [field for field in shown if field.name == "password"]
    assert password.is_set and BOX not in repr(shown)


def test_errors_stand_at_the_nearest_field_with_its_label() -> None:
    names = ("close_words", "oauth.token_url", "port")
    found = form_errors.page_errors(
        [
            (("close_words", 0), "too long"),
            (("oauth",), "not whole"),
            (("port",), "no number"),
            (("x",), "odd"),
            ((), "all"),
        ],
        names,
    )
    assert found == [
        PageError("close_words", "Close words: too long"),
        PageError("oauth.token_url", "Token endpoint: not whole"),
        PageError("port", "Port: no number"),
        PageError("", "odd"),
        PageError("", "all"),
    ]


def test_what_is_set_can_be_seen_although_it_is_no_choice_any_more() -> None:
    (field,) = forms.fields(
        OutgoingServer, ("fallback",), {"fallback": "gone"}, looks={"fallback": Look(choices=(Choice("b", "B"),))}
    )
    assert [choice.value for choice in field.choices] == ["", "b", "gone"] and field.value == "gone"
