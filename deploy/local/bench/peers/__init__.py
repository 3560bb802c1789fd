"""What the same mails cost in other service desks: `python -m deploy.local.bench.peers` (docs/benchmark-peers.md)."""
