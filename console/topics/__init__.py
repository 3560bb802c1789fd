"""The topics at the broker, and the dead letters beside them."""
