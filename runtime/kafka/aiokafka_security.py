"""How Faust's connections to the broker are logged in: by `security.py`, with what aiokafka lacks.

A broker may end a login after a while (KIP-368). kafka-python logs in again on the same connection. aiokafka 0.14.0
does not: the broker drops its connection at the first request after the end, and aiokafka takes that for a failure of
network and coordinator. Here the next request goes to a new connection shortly before, and the old one is closed once
it has all its responses.
"""

import asyncio
import time
from collections.abc import Awaitable
from functools import cache
from typing import TYPE_CHECKING, Any

from runtime.kafka.credentials import PasswordLogin, TokenLogin
from runtime.kafka.security import Security, password_now
from runtime.telemetry.logs import get_logger

if TYPE_CHECKING:
    from faust.auth import Credentials


log = get_logger(__name__)

SESSION_USED = 0.85  # of its lifetime: as Kafka's own clients do, which log in again after 85 to 95 percent
_leaving: set["asyncio.Task[None]"] = set()


def for_faust(security: Security) -> "Credentials | None":
    """The app's `broker_credentials`."""
    from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials

    match security:
        case Security(login=PasswordLogin() as login, context=context):
            _ask_aiokafka_for_passwords()
            credentials = SASLCredentials(username=login.username, mechanism=login.mechanism, ssl_context=context)
            credentials.password = login.password  # type: ignore[assignment]  # passed on as it is
            return credentials
        case Security(login=TokenLogin() as login, context=context):
            return OAuthCredentials(oauth_cb=_async_provider(login), ssl_context=context)
        case Security(context=None):
            return None
    return SSLCredentials(security.context)


@cache
def _ask_aiokafka_for_passwords() -> None:
    """Once a process: a password may be a function, called for each connection."""
    from aiokafka.conn import AIOKafkaConnection

    connect = AIOKafkaConnection.connect

    async def connect_with_password(connection: Any) -> Any:
        connection._sasl_plain_password = password_now(connection._sasl_plain_password)
        return await connect(connection)

    AIOKafkaConnection.connect = connect_with_password


def _async_provider(login: TokenLogin) -> Any:
    from aiokafka.abc import AbstractTokenProvider

    class Provider(AbstractTokenProvider):  # type: ignore[misc]
        async def token(self) -> str:
            return await asyncio.to_thread(login.token)

        def extensions(self) -> dict[str, str]:
            return dict(login.extensions)

    return Provider()


@cache
def renew_aiokafka_sessions() -> None:
    """Once a process."""
    from aiokafka.client import AIOKafkaClient, ConnectionGroup
    from aiokafka.conn import AIOKafkaConnection
    from aiokafka.protocol.admin import SaslAuthenticateRequest

    send, connection_to = AIOKafkaConnection.send, AIOKafkaClient._get_conn

    def send_and_note(connection: Any, request: Any, expect_response: bool = True) -> Any:
        response = send(connection, request, expect_response)
        return _noted(connection, response) if isinstance(request, SaslAuthenticateRequest) else response

    async def fresh_connection_to(
        client: Any, node_id: Any, *, group: Any = ConnectionGroup.DEFAULT, no_hint: bool = False
    ) -> Any:
        connection = client._conns.get((node_id, group))
        if connection is not None and time.monotonic() >= getattr(connection, "session_ends", float("inf")):
            del client._conns[node_id, group]
            _leave(connection)
        return await connection_to(client, node_id, group=group, no_hint=no_hint)

    AIOKafkaConnection.send, AIOKafkaClient._get_conn = send_and_note, fresh_connection_to


async def _noted(connection: Any, sent: Awaitable[Any]) -> Any:
    response = await sent
    lifetime = getattr(response, "session_lifetime_ms", 0) / 1000  # 0: for ever
    if lifetime > 0:
        connection.session_seconds = lifetime
        connection.session_ends = time.monotonic() + SESSION_USED * lifetime
    return response


def _leave(connection: Any) -> None:
    log.info(
        "the broker's session ends: logging in again",
        broker=f"{connection.host}:{connection.port}",
        lifetime_seconds=connection.session_seconds,
    )
    task = asyncio.create_task(_close_when_done(connection))
    _leaving.add(task)
    task.add_done_callback(_leaving.discard)


async def _close_when_done(connection: Any) -> None:
    """Not as a failure: what is known of the cluster stays."""
    from aiokafka.conn import CloseReason

    while connection._requests:
        await asyncio.wait([response for _, _, response in connection._requests])
        await asyncio.sleep(0)  # until it has taken the answers out
    connection.close(reason=CloseReason.IDLE_DROP)
