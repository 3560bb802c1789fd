"""`mailcall topics` and `dead-letters`."""
