"""How the mail servers are."""

from runtime.config import ProcessConfig
from runtime.reader import read_to_end
from schemas.servers import ServerStatus
from schemas.topics import SERVER_STATUS
from schemas.wire import UndecodableError, decode


def server_statuses(config: ProcessConfig) -> list[ServerStatus]:
    """The last status of every mail server, in the order of the ids. Raises `OutageError`, `TopicMissingError`."""
    found: dict[bytes, ServerStatus] = {}
    for record in read_to_end(config, [SERVER_STATUS.name(config.topic_prefix)]):
        key = record.key or b""
        found.pop(key, None)
        if record.value is not None:
            try:
                found[key] = decode(SERVER_STATUS, record)[1]
            except UndecodableError:
                continue  # somebody else's record says nothing of the server
    return [status for _, status in sorted(found.items())]
