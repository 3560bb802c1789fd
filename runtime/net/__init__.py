"""Connections to others than brokers: addresses, TLS, HTTP with a deadline, and tokens (OAuth2)."""
