"""`python confined.py DIRECTORY... -- COMMAND...`: the command may write in those directories and nowhere else.

As a container with a read-only root file system holds it, but without a container or root: by Linux's Landlock. What it
tries elsewhere fails with EACCES. Standard library only: whatever Python the command has runs this file, too.
"""

import ctypes
import os
import sys

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_PATH_BENEATH = 1
_NO_NEW_PRIVS = 38
_WRITE, _TRUNCATE = 1 << 1, 1 << 14
# Besides: remove a directory or file, make any of the seven kinds, move between directories.
_WRITING = _WRITE | _TRUNCATE | sum(1 << bit for bit in range(4, 14))
_DEVICES = ("/dev/null",)  # not all of /dev: the tests' files may lie in /dev/shm

_libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = [("handled_access_fs", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32)]


def confine(directories: list[str]) -> None:
    """From now on, and for all that is started. Raises `OSError` where the kernel has no such Landlock: before 6.2."""
    ruleset = _Ruleset(_WRITING)
    handle = _checked(_libc.syscall(_CREATE_RULESET, ctypes.byref(ruleset), ctypes.sizeof(ruleset), 0))
    allowed = dict.fromkeys(directories, _WRITING) | dict.fromkeys(_DEVICES, _WRITE | _TRUNCATE)
    for path, access in allowed.items():
        rule = _Beneath(access, os.open(path, os.O_PATH | os.O_CLOEXEC))
        _checked(_libc.syscall(_ADD_RULE, handle, _PATH_BENEATH, ctypes.byref(rule), 0))
    _checked(_libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(_libc.syscall(_RESTRICT_SELF, handle, 0))


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "Landlock")
    return result


if __name__ == "__main__":
    end = sys.argv.index("--")
    confine(sys.argv[1:end])
    os.execvp(sys.argv[end + 1], sys.argv[end + 1 :])
