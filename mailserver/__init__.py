"""How to talk to a mail server, incoming or outgoing: connection, security, authentication, errors in words."""
