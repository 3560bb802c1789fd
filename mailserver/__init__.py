"""How to talk to a mail server, incoming or outgoing: connection, TLS, authentication, readable errors."""
