"""The first half of the resolver's steps, which reads hostile bytes: parse and screen a message. Pure."""

from functools import partial

from resolver.ambiguity import from_doubts, header_doubts
from resolver.parsing import Parsed, parse
from resolver.parsing.addresses import parse_addresses
from resolver.resolve import Examined, OtherSender
from resolver.screening import answerable, screen
from resolver.sender_address import sender_address, who_wrote
from resolver.trust import own_lines
from schemas.mail import Mailbox


def examine(raw: bytes, own: frozenset[str]) -> Examined:
    """Parse and screen a message and find its sender's address. Never raises, whatever the bytes."""
    parsed = parse(raw)
    screening = screen(parsed, own)
    mailboxes_of = partial(_mailboxes, parsed)
    found = sender_address(parsed.mail, mailboxes_of, own)
    others = () if found.in_name_of else who_wrote(parsed.mail, mailboxes_of, own)
    in_headers = header_doubts(raw, parsed)
    return Examined(
        mail=parsed.mail,
        files=parsed.files,
        screening=screening,
        sender=found,
        # An auto-reply to the desk's own address would only come back.
        answerable=found.address not in own and answerable(parsed, found.address if found.in_name_of else None),
        others=tuple(OtherSender(one, answerable(parsed, one.address)) for one in others) if others else (),
        authentication_results=own_lines(parsed, in_doubt=bool(in_headers)),
        doubts=in_headers + from_doubts(parsed),
    )


def _mailboxes(parsed: Parsed, header: str) -> tuple[Mailbox, ...]:
    values = parsed.headers.raw_all(header.lower())
    return parse_addresses(values, parsed.headers.hint, set()) if values else ()
