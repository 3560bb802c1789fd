"""OAuth2 tokens on the topic `server.tokens`, sealed: a renewed refresh token outlives the process that renewed it."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime

from mailserver.oauth import StoredTokens
from runtime.config import ProcessConfig
from runtime.kafka.topic_reader import TopicMissingError, read_to_end
from runtime.outages import OutageError
from runtime.security.sealing import SecretError, seal_for_us, unseal
from runtime.telemetry.logs import get_logger
from schemas import ids
from schemas.servers import AccountTokens
from schemas.topics import SERVER_TOKENS
from schemas.wire import OutputRecord, UndecodableError, decode, encode

log = get_logger(__name__)


class TopicTokenStore:
    """`mailserver.oauth.TokenStore`. Without a secret key nothing can be sealed, and tokens live in memory alone."""

    def __init__(self, config: ProcessConfig, publish: Callable[[list[OutputRecord]], None]) -> None:
        self._config = config
        self._publish = publish

    def load(self, account: str) -> StoredTokens | None:
        if self._config.secret_key_file is None:
            return None
        newest: AccountTokens | None = None
        try:
            for record in read_to_end(self._config, [SERVER_TOKENS.name(self._config.topic_prefix)]):
                if record.key == account.encode() and record.value is not None:
                    newest = decode(SERVER_TOKENS, record)[1]
            return _open(unseal(newest.sealed, self._config.secret_key_file)) if newest else None
        except (OutageError, TopicMissingError, UndecodableError, SecretError, ValueError, TypeError) as error:
            log.warning("stored tokens cannot be read; new ones are requested", account=account, why=str(error)[:300])
            return None

    def save(self, account: str, server_id: str, tokens: StoredTokens) -> None:
        if self._config.secret_key_file is None:
            if tokens.refresh_token:
                log.warning(
                    "tokens are kept in memory only: if the provider renews refresh tokens, the next start fails. "
                    "Set MAILCALL_SECRET_KEY_FILE",
                    server=server_id,
                )
            return
        now = datetime.now(UTC)
        try:
            sealed = seal_for_us(json.dumps(asdict(tokens)), self._config.secret_key_file)
            value = AccountTokens(account=account, server_id=server_id, sealed=sealed, renewed_at=now)
            id_ = ids.event_id(account, f"tokens {tokens.got_at}")
            self._publish([encode(SERVER_TOKENS, account, value, id=id_, source=f"/mailcall/{server_id}", time=now)])
        except (OutageError, SecretError) as error:
            log.warning("renewed tokens could not be stored", server=server_id, why=str(error))


def _open(text: str) -> StoredTokens:
    return StoredTokens(**json.loads(text))
