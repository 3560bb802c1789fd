"""The whole pipeline on this machine with a dozen messages: `python -m deploy.local.demo [--once]`."""
