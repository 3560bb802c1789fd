"""Addresses with blanks about their signs (RFC 5322, section 4.4): the words of each are put together."""

BLANK = ("blank", " ")


def join_spaced(words: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """`john . doe @ example.org` and `"john doe"@example.org` are one address each (RFC 5322, section 4.4)."""
    groups: list[list[tuple[str, str]]] = []
    solid = False  # the last group may go on
    for kind, text in words:
        if kind == "blank" or not groups or not solid or not _joins(groups[-1], text):
            groups.append([(kind, text)])
        else:
            groups[-1].append((kind, text))
        solid = solid if kind == "blank" else kind in ("atom", "quoted")
        if kind == "blank" and len(groups) > 1:  # a blank goes with what stands before it until that is known to end
            groups[-2].append(groups.pop()[0])
    return [word for group in groups for word in _merged(group)]


def _joins(group: list[tuple[str, str]], text: str) -> bool:
    before = next((t for kind, t in reversed(group) if kind != "blank"), "")
    return (
        text in (".", "@") or before in (".", "@") or text.startswith("@") or (before.endswith("@") and len(before) > 1)
    )


def _merged(group: list[tuple[str, str]]) -> list[tuple[str, str]]:
    solid = [(kind, text) for kind, text in group if kind != "blank"]
    if len(solid) < 2 or not any("@" in text for kind, text in solid if kind == "atom"):
        return group
    return [("address", "".join(f'"{text}"' if kind == "quoted" else text for kind, text in solid)), BLANK]
