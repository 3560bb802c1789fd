"""What is wrong with the server's side of a log-in, in words."""


class SaslError(Exception):
    """The server's part of the exchange is none, or proves that it is another server. Never holds a secret."""
