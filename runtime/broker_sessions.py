"""A log-in that the broker ends after a while (KIP-368): aiokafka's connections are replaced before that.

kafka-python logs in again on the same connection. aiokafka 0.14.0 does not: the broker drops its connection at the
first request after the end, and aiokafka takes that for a failure of network and coordinator. Here the next request
goes to a new connection shortly before, and the old one is closed once it has all its answers.
"""

import asyncio
import time
from collections.abc import Awaitable
from functools import cache
from typing import Any

from runtime.logs import get_logger

log = get_logger(__name__)

USED = 0.85  # of a session's lifetime: as Kafka's own clients do, which log in again after 85 to 95 percent
_leaving: set["asyncio.Task[None]"] = set()


@cache
def renew_aiokafka_sessions() -> None:
    """Once a process."""
    from aiokafka.client import AIOKafkaClient, ConnectionGroup
    from aiokafka.conn import AIOKafkaConnection
    from aiokafka.protocol.admin import SaslAuthenticateRequest

    send, connection_to = AIOKafkaConnection.send, AIOKafkaClient._get_conn

    def send_and_note(connection: Any, request: Any, expect_response: bool = True) -> Any:
        answer = send(connection, request, expect_response)
        return _noted(connection, answer) if isinstance(request, SaslAuthenticateRequest) else answer

    async def fresh_connection_to(
        client: Any, node_id: Any, *, group: Any = ConnectionGroup.DEFAULT, no_hint: bool = False
    ) -> Any:
        connection = client._conns.get((node_id, group))
        if connection is not None and time.monotonic() >= getattr(connection, "session_ends", float("inf")):
            del client._conns[node_id, group]
            _leave(connection)
        return await connection_to(client, node_id, group=group, no_hint=no_hint)

    AIOKafkaConnection.send, AIOKafkaClient._get_conn = send_and_note, fresh_connection_to


async def _noted(connection: Any, answer: Awaitable[Any]) -> Any:
    response = await answer
    lifetime = getattr(response, "session_lifetime_ms", 0) / 1000  # 0: for ever
    if lifetime > 0:
        connection.session_seconds = lifetime
        connection.session_ends = time.monotonic() + USED * lifetime
    return response


def _leave(connection: Any) -> None:
    log.info(
        "the broker's session ends: logging in again",
        broker=f"{connection.host}:{connection.port}",
        lifetime_seconds=connection.session_seconds,
    )
    task = asyncio.create_task(_close_when_answered(connection))
    _leaving.add(task)
    task.add_done_callback(_leaving.discard)


async def _close_when_answered(connection: Any) -> None:
    """No failure of it: what is known of the cluster stays."""
    from aiokafka.conn import CloseReason

    while connection._requests:
        await asyncio.wait([answer for _, _, answer in connection._requests])
        await asyncio.sleep(0)  # until it has taken the answers out
    connection.close(reason=CloseReason.IDLE_DROP)
