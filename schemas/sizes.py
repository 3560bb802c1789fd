"""How large a record may be, and from which size on what it would hold goes to the blob store instead. Pure."""

MAX_RECORD_BYTES = 16 * 1024 * 1024  # what our topics accept where the broker lets them; twice as much is unpacked
LEAST_RECORD_BYTES = 512 * 1024  # whatever a mail holds, what is made of it fits: `resolver.outputs.LIMITS`
MAX_INLINE_BYTES = 700_000  # above this a mail goes to the blob store, as large as its record might be


def inline_bytes(max_record_bytes: int) -> int:
    """Most bytes of a mail, or of what was read from it, that stand in its record: of its record two thirds."""
    return min(MAX_INLINE_BYTES, max_record_bytes * 2 // 3)


def cursor_bytes(max_record_bytes: int) -> int:
    """Most bytes of unique ids or names that a mailbox's cursor holds: of its record three quarters."""
    return max_record_bytes * 3 // 4
