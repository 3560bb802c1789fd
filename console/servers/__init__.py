"""Incoming and outgoing mail servers: how they are, changing them, trying them."""
