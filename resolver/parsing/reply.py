"""What the author of a mail wrote now."""


def reply_of(text: str) -> str:
    return text.strip("\n")
