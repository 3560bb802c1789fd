"""Which connector and which transport a MAPI server gets: its profile's, made anew when that is changed."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.connectors import connector_for
from ingest.connectors.ews import EwsConnector
from ingest.connectors.graph import GraphConnector
from mailserver.errors import MailServerError
from mailserver.exchange.account import ExchangeAccount
from mailserver.logins import Logins
from mailserver.sasl import Credentials
from outbound import server_test as trial
from outbound.transports import transport_for
from outbound.transports.ews import EwsTransport
from outbound.transports.graph import GraphTransport
from outbound.transports.smtp import SmtpTransport
from schemas.servers import ServerTest
from schemas.settings import IncomingServer, MapiProfile, OutgoingServer
from schemas.snapshot import SettingsSnapshot
from tests.mailserver.memory_store import Keys, MemoryStore

MAPI = {"protocol": "mapi", "profile": "exchange", "mailbox": "it@desk.example"}
INCOMING = IncomingServer.model_validate({**MAPI, "id": "in", "call_template": "t", "default_logging_analyst": "ida"})
OUTGOING = OutgoingServer.model_validate({**MAPI, "id": "out", "from_address": "it@desk.example"})
GRAPH = MapiProfile(id="exchange", transport="graph", managed_identity=True)
EWS = MapiProfile(id="exchange", transport="ews", authentication="kerberos")


def logins(*profiles: MapiProfile) -> Logins:
    snapshot = SettingsSnapshot({f"mapi-profile/{profile.id}": profile for profile in profiles})
    return Logins(Keys(), MemoryStore(), lambda: snapshot)


@pytest.mark.parametrize(
    ("profile", "connector", "transport"), [(GRAPH, GraphConnector, GraphTransport), (EWS, EwsConnector, EwsTransport)]
)
def test_the_profile_chooses(profile: MapiProfile, connector: Any, transport: Any) -> None:
    account = logins(profile).account(INCOMING)
    assert isinstance(account, ExchangeAccount)
    assert isinstance(connector_for(INCOMING, account), connector)
    assert isinstance(transport_for(OUTGOING, logins(profile).account), transport)


def test_a_server_without_a_profile_is_sent_through_by_smtp() -> None:
    server = OutgoingServer(id="out", from_address="it@desk.example", authentication="sasl-plain", username="it")
    assert isinstance(transport_for(server, logins().account), SmtpTransport)
    assert logins().account(server) == Credentials("it")
    assert (logins().secret_ends(server), logins().refused(server)) == (None, False)


def test_a_server_whose_profile_is_gone_is_told_to_whoever_tests_it() -> None:
    with pytest.raises(MailServerError, match="no MAPI profile 'exchange'"):
        logins().account(INCOMING)
    result = trial.run_server_test(ServerTest(test_id="t1"), OUTGOING, logins().account, datetime.now(UTC))
    assert [(step.step, step.ok) for step in result.steps] == [("account", False)]
    assert "there is no MAPI profile 'exchange': configure it first" in result.steps[0].status
