"""Users and Analysts."""
