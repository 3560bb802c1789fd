"""HTML or Plain Text: the requirement's "Default Format" and "Message Format per Analyst/User"."""

from schemas.settings import EmailOptions, Format


def choose_format(options: EmailOptions, own: Format | None) -> Format:
    """The format of one mail. `own`: the Email Format in the recipient's details, None where none is specified.

    Requirement: select to "set the message format to the one identified for the Analyst/User, overriding the default
    format"; deselect to "use the default format".
    """
    if options.message_format_per_person and own is not None:
        return own
    return options.default_format
