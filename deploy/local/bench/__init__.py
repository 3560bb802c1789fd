"""What a message costs, and how fast the window is: `python -m deploy.local.bench` (docs/benchmark.md)."""
