"""`python -m tests.mail.draft [--server ID] [--after MAIL]... [--comment TEXT] FILE.eml`: a draft of what to expect.

It says what Mailcall does today. Whether that is right a person has to say, line by line, before it is kept.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from runtime.blobs import BlobStore
from tests.mail import expected
from tests.mail.stored import FixedDesk
from tests.mail.walk import Walk, arrive_all, result_of


def draft(eml: Path, server: str, after: list[str], comment: str) -> str:
    """The text of the `.yaml` file of a mail."""
    with tempfile.TemporaryDirectory() as name:
        desk = FixedDesk(Path(name))
        walk = Walk(desk.fresh(), BlobStore((Path(name) / "blobs").as_uri()))
        arrive_all(walk, after)
        text = expected.write(result_of(walk, expected.mail_bytes(eml), server, after), comment)
        desk.close()
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("eml", type=Path)
    parser.add_argument("--server", default="it-mailbox", help="incoming server that the mail reaches")
    parser.add_argument("--after", action="append", default=[], help="a mail, as folder/name, that came before")
    parser.add_argument("--comment", default="What the mail is, and which system writes such.")
    given = parser.parse_args()
    sys.stdout.write(draft(given.eml, given.server, given.after, given.comment))


if __name__ == "__main__":
    main()
