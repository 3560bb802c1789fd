"""How an operation tells that something is the user's to put right."""


class UserError(Exception):
    """Something the user can put right: `text` says what and where, `remedy` what to do.

    Never a secret, never mail content.
    """

    def __init__(self, text: str, remedy: str = "") -> None:
        super().__init__(f"{text}\n{remedy}".strip())
        self.text = text
        self.remedy = remedy
