"""The service desk's items, looked at and asked for."""
