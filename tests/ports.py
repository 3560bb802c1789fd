"""The port of a server that is not there."""

# tcpmux, which no system serves and none gives to a client: unlike a free port it is not taken while a test runs.
CLOSED_PORT = 1
