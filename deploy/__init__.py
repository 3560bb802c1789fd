"""How Mailcall is run: `deploy/local` on one machine, for the demo, the tests and the benchmark."""
