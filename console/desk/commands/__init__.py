"""`mailcall calls`, `tasks`, `requests` and `items`."""
