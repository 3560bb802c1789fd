"""Which multiparts are open at one place of a mail, by their boundaries."""

from resolver.parsing.part import Part


class OpenParts:
    """The multiparts that are open at one place of the mail, outermost first."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.boundaries: dict[bytes, int] = {}  # boundary -> index in `parts`; of two with the same, the inner one
        self.names: list[bytes] = []
        self.outer: list[int | None] = []  # of each, the index of the outer one with the same boundary

        self.needle = b""  # what every boundary line that counts here begins with: a long one is found fast

    def push(self, part: Part, boundary: bytes) -> None:
        self.outer.append(self.boundaries.get(boundary))
        self.boundaries[boundary] = len(self.parts)
        self.parts.append(part)
        self.names.append(boundary)
        self.needle = b"\n--" + _common_start(self.names)

    def pop(self) -> Part:
        name, outer = self.names.pop(), self.outer.pop()
        if outer is None:
            del self.boundaries[name]
        else:
            self.boundaries[name] = outer
        self.needle = b"\n--" + _common_start(self.names)
        return self.parts.pop()

    def close_below(self, index: int, end: int) -> int:
        """Ends every part deeper than `parts[index]`, and its last child; answers how many multiparts were cut off."""
        cut = len(self.parts) - index - 1
        while len(self.parts) > index + 1:
            part = self.pop()
            part.end = end
            if part.children:
                part.children[-1].end = min(part.children[-1].end, end)
        owner = self.parts[index]
        if owner.children:
            owner.children[-1].end = min(owner.children[-1].end, end)
        return cut


def _common_start(names: list[bytes]) -> bytes:
    """What all names begin with; empty where there are none."""
    if not names:
        return b""
    low, high = min(names), max(names)
    same = next((i for i, pair in enumerate(zip(low, high, strict=False)) if pair[0] != pair[1]), len(low))
    return low[:same]
