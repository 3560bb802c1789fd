"""HTML or plain text: Default Format, and Message Format per Analyst/User."""

from schemas.settings import EmailOptions, Format


def choose_format(options: EmailOptions, own: Format | None) -> Format:
    """The format of one mail. `own`: the Email Format in the recipient's details, None where none is specified.

    Requirement R3.10: the recipient's own format takes precedence where Message Format per Analyst/User is selected.
    Requirement R3.11: else the Default Format is used.
    """
    if options.message_format_per_person and own is not None:
        return own
    return options.default_format
