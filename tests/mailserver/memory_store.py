"""What accounts need of a process, in memory: its key, and tokens as `TopicTokenStore` keeps them on a topic."""

from dataclasses import dataclass, field
from pathlib import Path

from mailserver.oauth import StoredTokens


@dataclass(frozen=True)
class Keys:
    """`runtime.security.sealing.HasSecretKey`."""

    secret_key_file: Path | None = None


@dataclass
class MemoryStore:
    """`saved`: (server, tokens) in the order in which they were kept."""

    kept: dict[str, StoredTokens] = field(default_factory=dict)
    saved: list[tuple[str, StoredTokens]] = field(default_factory=list)

    def load(self, account: str) -> StoredTokens | None:
        return self.kept.get(account)

    def save(self, account: str, server_id: str, tokens: StoredTokens) -> None:
        self.kept[account] = tokens
        self.saved.append((server_id, tokens))
