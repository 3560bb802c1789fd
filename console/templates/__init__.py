"""Message templates as an administrator sees them."""
