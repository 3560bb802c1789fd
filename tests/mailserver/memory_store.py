"""Tokens kept in memory: what `TopicTokenStore` does with a topic, for tests of everything before it."""

from dataclasses import dataclass, field

from mailserver.oauth import KeptTokens


@dataclass
class MemoryStore:
    """`saved`: (server, tokens) in the order in which they were kept."""

    kept: dict[str, KeptTokens] = field(default_factory=dict)
    saved: list[tuple[str, KeptTokens]] = field(default_factory=list)

    def load(self, account: str) -> KeptTokens | None:
        return self.kept.get(account)

    def save(self, account: str, server_id: str, tokens: KeptTokens) -> None:
        self.kept[account] = tokens
        self.saved.append((server_id, tokens))
