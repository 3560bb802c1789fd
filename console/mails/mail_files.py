"""Mail files to explain: single files, and every file of a folder and its sub-folders in name order."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from console.errors import UserError

_MAX_BYTES = 200_000_000


def mail_files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files that the paths stand for. Raises `UserError` for a path that is not there or cannot be listed."""
    for path in paths:
        if path.is_dir():
            yield from _below(path)
        elif path.exists():
            yield path
        else:
            raise UserError(f"{path} does not exist", "give the path of a mail file, or of a folder of mail files")


def read_mail(path: Path) -> bytes:
    """The bytes of a mail file. Raises `UserError`."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)  # a pipe or device has no size that could be asked for
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", "check its permissions") from None
    if len(raw) > _MAX_BYTES:
        raise UserError(f"{path} is larger than {_MAX_BYTES // 1_000_000} MB", "it is no mail: leave it out")
    return raw


def _below(folder: Path) -> Iterator[Path]:
    """Regular files only: a pipe or a device in a folder would be waited for; linked folders may lead in circles."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise UserError(f"folder {folder} cannot be read: {error.strerror}", "check its permissions") from None
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _below(folder / entry.name)
        elif entry.is_file():
            yield folder / entry.name
