"""`mailcall apply`, `export`, `delete` and `secrets`."""
