"""Responses of an Exchange server, parsed strictly: well-formed to the end, no entities, bounded depth (XML 1.0). Pure.

exchangelib's own parser repairs what is broken; a message that was cut off on its way would become a shorter message.
"""

import base64
import binascii
from collections.abc import Iterator
from xml.parsers import expat

MAX_DEPTH = 64
MAX_WORDS = 2_000  # of what a server says beside a code
_TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
_SEPARATOR = " "
_KEPT = {"ResponseCode": "code", "MessageText": "text", "Message": "text", "faultstring": "text"}


class NotSoapError(Exception):
    """The response is damaged, cut off, or not of the service."""


class Reader:
    """Parses one response as it comes. Afterwards `code` and `text` are what it says of the request.

    `back_off_seconds`: how long the server asks to be left alone. `has_mime`: it holds an item's bytes.
    """

    def __init__(self) -> None:
        self.code = self.text = ""
        self.back_off_seconds = 0.0
        self._path: list[str] = []
        self._said: list[str] = []
        self._name = ""
        self._encoded = b""
        self._decoded: list[bytes] = []
        self.has_mime = False
        parser = self._parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        parser.buffer_text = True
        parser.buffer_size = 64 * 1024
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._refuse_doctype

    def feed(self, piece: bytes, *, last: bool = False) -> bytes:
        """The bytes of the message that this piece of the response completes. Raises `NotSoapError`."""
        try:
            self._parser.Parse(piece, last)
        except expat.ExpatError as error:
            raise NotSoapError(f"it is no well-formed XML ({error})") from None
        decoded, self._decoded = b"".join(self._decoded), []
        return decoded

    def _refuse_doctype(self, *_: object) -> None:
        raise NotSoapError("it holds a document type, which no response of the service does")

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self._path) == MAX_DEPTH:
            raise NotSoapError(f"its elements are nested more than {MAX_DEPTH} deep")
        if not self._path and tag.rpartition(_SEPARATOR)[2] != "Envelope":
            raise NotSoapError("it is no SOAP envelope")
        self._path.append(tag)
        self._said = []
        self._name = attributes.get("Name", "")
        if self._is_mime():
            self.has_mime = True

    def _characters(self, text: str) -> None:
        if self._is_mime():
            self._decode(text)
        elif len(self._said) < MAX_WORDS:
            self._said.append(text[:MAX_WORDS])

    def _end(self, tag: str) -> None:
        local = tag.rpartition(_SEPARATOR)[2]
        said = "".join(self._said)[:MAX_WORDS].strip()
        attribute = _KEPT.get(local)
        if attribute and not getattr(self, attribute):
            setattr(self, attribute, said)
        if local == "Value" and self._name == "BackOffMilliseconds" and said.isdecimal() and len(said) < 10:
            self.back_off_seconds = int(said) / 1000
        if self._is_mime() and self._encoded:
            raise NotSoapError("the message in it is no whole base64")
        self._path.pop()
        self._said, self._name = [], ""

    def _is_mime(self) -> bool:
        return bool(self._path) and self._path[-1] == f"{_TYPES}{_SEPARATOR}MimeContent"

    def _decode(self, text: str) -> None:
        """Base64 (RFC 4648) in whatever pieces it comes; lines may be broken, nothing else may be in it."""
        data = self._encoded + "".join(text.split()).encode("utf-8")
        whole = len(data) - len(data) % 4
        self._encoded = data[whole:]
        try:
            self._decoded.append(base64.b64decode(data[:whole], validate=True))
        except binascii.Error:
            raise NotSoapError("the message in it is no base64") from None


def check(body: bytes) -> Reader:
    """Raises `NotSoapError` if the response is anything but one whole envelope."""
    reader = Reader()
    reader.feed(body, last=True)
    return reader


def mime_of(pieces: Iterator[bytes], reader: Reader) -> Iterator[bytes]:
    """The message's bytes in a response that comes in pieces. Raises `NotSoapError`."""
    for piece in pieces:
        if decoded := reader.feed(piece):
            yield decoded
    if decoded := reader.feed(b"", last=True):
        yield decoded
