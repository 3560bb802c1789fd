"""format=flowed text (RFC 3676): soft breaks joined."""


def unflow(text: str, delsp: bool) -> str:
    """Lines that end in a blank go on in the next line of the same quote depth; space-stuffing removed."""
    paragraphs: list[list[str]] = []
    open_depth = -1  # quote depth of the paragraph that goes on; -1: none
    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")
        signature = content == "-- "  # never flows: RFC 3676, section 4.3
        flows = content.endswith(" ") and not signature
        if flows and delsp:
            content = content[:-1]
        if open_depth == depth and not signature:
            paragraphs[-1].append(content)
        else:
            paragraphs.append([">" * depth + (" " if depth and content else ""), content])
        open_depth = depth if flows else -1
    return "\n".join("".join(pieces) for pieces in paragraphs)
