"""`mailcall servers`."""
