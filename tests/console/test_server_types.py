"""The types of server that can be added: each shows every field that it has, and the methods that go with it."""

import pytest

from console.servers.methods import method_choices
from console.servers.server_types import TYPES, ServerType, find_type, type_of, types_of
from console.web.model_fields import names_of
from schemas.settings import Authentication, IncomingServer, OutgoingServer

_OF_ACCOUNTS = {
    "host", "port", "security", "minimum_tls", "ca_file", "timeout_seconds", "authentication", "username", "password",
    "allow_password_in_clear", "oauth.token_url", "oauth.client_id", "oauth.client_secret", "oauth.refresh_token",
    "oauth.scope", "oauth.ca_file",
}  # fmt: skip
_OF_MAPI = {"profile", "mailbox"}
# What a type has no use for.
NOT_OF: dict[str, set[str]] = {
    "smtp": {"save_sent", *_OF_MAPI},
    "imap": {"path", *_OF_MAPI},
    "pop3": {"path", "folder", "move_to", *_OF_MAPI},
    "folder": {"folder", *_OF_ACCOUNTS, *_OF_MAPI},
    "mapi-incoming": {"path", *_OF_ACCOUNTS},
    "mapi-outgoing": {"bounce_address", *_OF_ACCOUNTS},  # who has the mailbox is told what cannot be delivered
}


@pytest.mark.parametrize("type_", TYPES, ids=lambda one: one.id)
def test_the_details_show_every_field_of_their_type_once(type_: ServerType) -> None:
    expected = set(names_of(type_.model, ("protocol",))) - NOT_OF[type_.id]
    assert sorted(type_.fields) == sorted(expected)


def test_the_types_are_those_of_the_requirement() -> None:
    assert [one.label for one in types_of("outgoing")] == ["SMTP", "MAPI"]
    assert {"POP3", "IMAP", "MAPI"} <= {one.label for one in types_of("incoming")}


def test_a_server_has_the_type_of_its_protocol() -> None:
    incoming = IncomingServer(id="it", protocol="pop3", call_template="t", default_logging_analyst="a")
    outgoing = OutgoingServer(id="out", from_address="it@desk.example")
    assert (type_of(incoming), type_of(outgoing)) == (find_type("pop3"), find_type("smtp"))
    mapi = {"protocol": "mapi", "profile": "m", "mailbox": "it@desk.example"}
    by_mapi = IncomingServer.model_validate({**incoming.model_dump(), **mapi})
    assert type_of(by_mapi) == find_type("mapi-incoming")
    assert type_of(OutgoingServer.model_validate({**outgoing.model_dump(), **mapi})) == find_type("mapi-outgoing")


@pytest.mark.parametrize("type_", TYPES, ids=lambda one: one.id)
def test_every_method_is_listed_and_what_cannot_be_chosen_says_why(type_: ServerType) -> None:
    choices = {choice.value: choice for choice in method_choices(type_.protocol)}
    assert set(choices) == set(Authentication)
    apop = choices[Authentication.APOP]
    assert (not apop.why_not) == (type_.id == "pop3")
    assert type_.id == "pop3" or "does not go with" in apop.why_not
    assert "APOP is not a SASL method" in apop.description
    assert choices[Authentication.SASL_PLAIN].in_clear
