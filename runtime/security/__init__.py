"""Secrets: sealed passwords, keys, files of our own user alone, and no secret in any text that leaves the process."""
