"""The topics at the broker: creating and checking them, how they are doing, and what is on them."""
