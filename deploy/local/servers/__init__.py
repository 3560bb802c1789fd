"""Real servers, started here for the demo, the benchmark and the tests."""
