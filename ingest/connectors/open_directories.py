"""Directories of one folder, held open: everything is done relative to them, and no link is ever followed.

So no name in the folder, and nobody who may write there, leads out of it. Paths are relative to the folder, `TOP` is
the folder itself. Raises `OSError`.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import BinaryIO

from ingest.connectors.mail_files import TOP, MailFile
from runtime.security.private_files import PRIVATE_DIRECTORY

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a file that turned into a pipe does not block us

_RIGHTS = "give the account that ingest runs under the right to read it and, unless after_fetch is leave, to change it"
_REMEDIES: Mapping[int, str] = {
    errno.ENOENT: "create it, or correct path",
    errno.ENOTDIR: "it has to be a directory, and no link below path is followed",
    errno.ELOOP: "no link below path is followed",
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EXDEV: "move_to has to lie on the same file system",
}


class OpenDirectories:
    """`opened`: path within the folder -> descriptor of the directory."""

    def __init__(self) -> None:
        self._opened: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._opened)

    def open_top(self, path: Path) -> None:
        self._opened[TOP] = os.open(path, _DIRECTORY)

    def enter(self, parent: str, name: str) -> str:
        """Hold a directory below `parent` open, too; its path within the folder."""
        path = os.path.normpath(f"{parent}/{name}")
        if path not in self._opened:
            self._opened[path] = os.open(name, _DIRECTORY, dir_fd=self._opened[parent])
        return path

    def create(self, parent: str, name: str) -> str:
        """As `enter`, and the directory is created if it is missing."""
        if os.path.normpath(f"{parent}/{name}") not in self._opened:
            try:
                os.mkdir(name, PRIVATE_DIRECTORY, dir_fd=self._opened[parent])
            except FileExistsError:
                pass  # if it is no directory, the next line says so
        return self.enter(parent, name)

    def close(self) -> None:
        opened, self._opened = self._opened, {}
        for descriptor in opened.values():
            os.close(descriptor)

    def files(self, directory: str, takes: Callable[[str], bool], skip: Callable[[str], None]) -> Iterator[MailFile]:
        """Files whose name is taken, and that are not empty. `skip`: called with names that are no files."""
        with os.scandir(self._opened[directory]) as entries:
            for entry in entries:
                if not takes(entry.name):
                    continue
                if not entry.is_file(follow_symlinks=False):
                    skip(entry.name)
                    continue
                try:
                    seen = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # taken away at this moment
                if seen.st_size:  # an empty file is no message yet
                    yield MailFile(directory, entry.name, seen.st_size, seen.st_mtime_ns)

    def open_file(self, file: MailFile) -> BinaryIO | None:
        """None if it is gone, or no plain file any more."""
        try:
            descriptor = os.open(file.name, _FILE, dir_fd=self._opened[file.directory])
        except FileNotFoundError:
            return None
        content = os.fdopen(descriptor, "rb")
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            content.close()
            return None
        return content

    def state(self, directory: str, name: str) -> tuple[int, int] | None:
        """Size and time of the last change; None if there is no such file."""
        try:
            seen = os.stat(name, dir_fd=self._opened[directory], follow_symlinks=False)
        except FileNotFoundError:
            return None
        return seen.st_size, seen.st_mtime_ns

    def delete(self, file: MailFile) -> None:
        os.unlink(file.name, dir_fd=self._opened[file.directory])

    def rename(self, file: MailFile, directory: str, name: str) -> MailFile:
        """Whatever has that name is overwritten."""
        source, target = self._opened[file.directory], self._opened[directory]
        os.rename(file.name, name, src_dir_fd=source, dst_dir_fd=target)
        return MailFile(directory, name, file.size, file.mtime_ns)

    def move(self, file: MailFile, directory: str, numbered: Callable[[str, int], str]) -> None:
        """Under its name or, if that is taken, another one. The name is first made ours, empty, so that no file there
        can be overwritten."""
        target = self._opened[directory]
        for number in count():
            name = numbered(file.name, number) if number else file.name
            try:
                os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=target))
            except FileExistsError:
                continue
            break
        try:
            self.rename(file, directory, name)
        except OSError:
            os.unlink(name, dir_fd=target)
            raise


def remedy_for(error: OSError) -> str:
    """What to do about it, for people."""
    return _REMEDIES.get(error.errno or 0, "see that the file system is in order")
