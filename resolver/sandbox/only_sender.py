"""The sender of a mail whose headers no child can read within the limits: looked for in the resolver itself. Pure.

No step here decodes anything, or is left to a parser: whatever ended the children is in this mail.
"""

import re

from resolver.parsing.plain_from import is_plain_from
from resolver.resolve import Examined
from resolver.sender import SenderAddress
from schemas.addresses import normalise
from schemas.mail import Defect, Mailbox, ParsedMail, Screening

_FROM = re.compile(rb"(?:^|\r)From[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.IGNORECASE | re.MULTILINE)
_ENCODED_WORD = re.compile(rb"=\?[^\s?]++\?[bq]\?[^\s?]*+\?=", re.IGNORECASE)
_ADDRESS = re.compile(rb"(?<![\w.@+-])[\w.+-]{1,64}+@[A-Za-z0-9.-]{1,253}+(?![\w@+])", re.ASCII)


def only_sender(head: bytes) -> Examined:
    """What is known of a mail with this header block: the only address in its only From, where that is plain.

    No Authentication-Results are read, so nothing ever proves this sender.
    """
    fields = [_ENCODED_WORD.sub(b"", field) for field in _FROM.findall(head)]
    found = _ADDRESS.findall(fields[0]) if fields else []
    address = found[0].decode("ascii") if len(found) == 1 else ""
    if not is_plain_from(fields, address):
        address = ""
    return Examined(
        mail=ParsedMail(from_=Mailbox(address=address) if address else None, defects=(Defect.UNPARSED,)),
        files=(),
        screening=Screening(verdict="person"),
        sender=SenderAddress(
            normalise(address), "", "From" if address else "", "the mail's headers cannot be read within the limits"
        ),
        answerable=False,
    )
