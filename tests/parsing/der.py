"""CMS messages for tests, built element by element (X.690): definite and indefinite lengths, strings in pieces."""

from collections.abc import Sequence

SIGNED = bytes.fromhex("06092a864886f70d010702")
ENVELOPED = bytes.fromhex("06092a864886f70d010703")
COMPRESSED = bytes.fromhex("060b2a864886f70d0109100109")
DATA = bytes.fromhex("06092a864886f70d010701")
_SHA256 = bytes.fromhex("300d06096086480165030402010500")
_ZLIB = bytes.fromhex("300d060b2a864886f70d0109100308")


def element(tag: int, content: bytes, *, indefinite: bool = False) -> bytes:
    """One element; `indefinite` ones end with two zero octets."""
    if indefinite:
        return bytes((tag, 0x80)) + content + b"\0\0"
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def in_pieces(pieces: Sequence[bytes], *, indefinite: bool = True) -> bytes:
    """An octet string as programs write it that do not know its length before."""
    return element(0x24, b"".join(element(0x04, piece) for piece in pieces), indefinite=indefinite)


def message(octets: bytes, *, kind: bytes = SIGNED, indefinite: bool = False) -> bytes:
    """A message around an encoded octet string; without signers, whom nobody asks. Empty: the content is elsewhere."""

    def around(tag: int, content: bytes) -> bytes:
        return element(tag, content, indefinite=indefinite)

    algorithms = _ZLIB if kind == COMPRESSED else around(0x31, _SHA256)
    content = around(0x30, DATA + (around(0xA0, octets) if octets else b""))
    behind = b"" if kind == COMPRESSED else element(0xA0, element(0x04, b"no certificate")) + element(0x31, b"")
    return around(0x30, kind + around(0xA0, around(0x30, b"\x02\x01\x01" + algorithms + content + behind)))


def signed(content: bytes) -> bytes:
    """The usual message, in DER."""
    return message(element(0x04, content))
