"""Who may write a file: a lock beside it, which ends with its owner wherever the file system has locks.

Where it has none (Lustre as mounted by default, some NFS), the lock file itself is the lock: whoever
created it holds it. It names its owner, so that one whose process ended on this machine is replaced.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import socket
import stat
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spikewhen.reservoir.errors import InputError

RIVAL = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}
"""Somebody else holds the lock."""

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
"""The file system has no locks."""

OPEN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""What somebody put under the name is never followed or waited for."""

SMALL = re.compile(r"\.[0-9a-f]{16}\.partial$")
"""How the temporary names of small files end, which are locked themselves while they are written."""

ATTEMPTS, PAUSE_S = 4, 0.05
"""A look at whether a file is locked holds its lock for an instant, so one refusal is none."""

_TOKEN = secrets.token_hex(8)
"""Tells this process from another of its number, of an earlier start of the machine or in a container."""


def kind(mode: int) -> str:
    """Name what is in the way of a regular file."""
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFLNK: "a link",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
    }
    return kinds.get(stat.S_IFMT(mode), "a device")


def refuse_other_than_file(path: Path, *, follow: bool = False) -> bool:
    """Refuse what stands under a file's name and is no regular file; whether there is one.

    Parameters
    ----------
    path : Path
    follow : bool
        Whether a link to a regular file will do.

    Raises
    ------
    InputError
    """
    try:
        found = os.stat(path) if follow else os.lstat(path)
    except FileNotFoundError:
        if not (follow and path.is_symlink()):
            return False
        raise InputError(str(path), "a link to nothing", "a regular file or nothing") from None
    if not stat.S_ISREG(found.st_mode):
        raise InputError(str(path), kind(found.st_mode), "a regular file or nothing")
    return True


def same_file(path: Path, handle: int) -> bool:
    """Whether a name still stands for an open file."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(handle))
    except OSError:
        return False


class Busy(InputError):
    """Somebody else is writing the file."""


class Lock:
    """A lock file that this object holds until `release`; its name goes with it.

    Parameters
    ----------
    path : Path
        Of the lock file, ``<run_id>.lock``.
    what : Path
        What it guards, for messages.

    Raises
    ------
    Busy
        If somebody else holds it.
    InputError
        If what stands under its name is no regular file.
    OSError
    """

    def __init__(self, path: Path, what: Path):
        self.path, self.what = path, what
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE_S)
            found = self._take()
            if found is not None:
                self._handle = found
                return
        raise self._refusal()

    def _take(self) -> int | None:
        made, handle = self._open()
        if handle is None:
            return None
        ours = False
        try:
            found = os.fstat(handle)
            if not (stat.S_ISREG(found.st_mode) and found.st_nlink <= 1):  # 0: removed meanwhile
                raise InputError(str(self.path), _in_the_way(self.path), "a regular file or nothing")
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                ours = True
            except OSError as error:
                if error.errno not in RIVAL | NO_LOCKS:
                    raise
                if error.errno in NO_LOCKS:
                    ours = made
                    self._do_without(handle, made)
            if ours and same_file(self.path, handle):  # its owner may have removed it before we had it
                os.ftruncate(handle, 0)
                os.pwrite(handle, " ".join(map(str, _me())).encode() + b"\n", 0)
                return handle
        except BaseException:
            if (ours or made) and same_file(self.path, handle):
                self.path.unlink()
            os.close(handle)
            raise
        os.close(handle)
        return None

    def _open(self) -> tuple[bool, int | None]:
        """Open the file; whether it was made, and nothing where it was removed meanwhile."""
        flags = os.O_RDWR | OPEN
        try:
            return True, os.open(self.path, flags | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            pass
        try:
            return False, os.open(self.path, flags)
        except FileNotFoundError:
            return False, None
        except OSError:
            refuse_other_than_file(self.path)
            raise

    def _do_without(self, handle: int, made: bool) -> None:
        """Where there are no locks, say so, or remove a lock file whose process ended on this machine."""
        if made:
            folder = self.path.parent
            text = f"{folder}: no locks on this file system; delete *.lock there where a machine broke down"
            warnings.warn(text, stacklevel=2)  # once for a folder
            return
        owner = _owner(self.path)
        if owner is None or owner[0] != socket.gethostname() or alive(int(owner[1])):
            return
        aside = self.path.with_name(f"{self.path.name}.{_TOKEN}")
        os.rename(self.path, aside)  # of two that remove it, one has it
        if not same_file(aside, handle):  # another was quicker, and this is its own lock
            with suppress(OSError):
                os.link(aside, self.path)
        aside.unlink()

    def _refusal(self) -> Busy:
        owner = _owner(self.path)
        by = f", that of process {owner[1]} on {owner[0]}" if owner else ""
        allowed = f"a run that no other process is writing ({self.path.name} stands beside it{by})"
        return Busy("--out", str(self.what), allowed)

    def holds(self) -> bool:
        """Whether the lock file is still the one that was made or taken."""
        return same_file(self.path, self._handle)

    def release(self) -> None:
        """Remove the lock file and let others write."""
        if self.holds():
            self.path.unlink()
        os.close(self._handle)


def _in_the_way(path: Path) -> str:
    found = os.lstat(path).st_mode
    return "a second name of another file" if stat.S_ISREG(found) else kind(found)


def _me() -> tuple[str, str, str]:
    return socket.gethostname(), str(os.getpid()), _TOKEN


def _owner(path: Path) -> tuple[str, str, str] | None:
    """Read who made a lock file, if it says so."""
    try:
        handle = os.open(path, os.O_RDONLY | OPEN)
    except OSError:
        return None
    try:
        words = os.read(handle, 1024).decode("utf-8", "replace").split()
    except OSError:
        return None
    finally:
        os.close(handle)
    return (words[0], words[1], words[2]) if len(words) == 3 and words[1].isdigit() else None


def alive(process: int) -> bool:
    """Whether a process of this number runs on this machine."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def sweep(path: Path, *, ours: bool = False) -> None:
    """Remove the temporary files of a run that did not end by itself, unless somebody writes it.

    Parameters
    ----------
    path : Path
        Of the result, ``<run_id>.h5``.
    ours : bool
        Whether to remove also what a thread of this process is still writing; it cannot give it
        the result's name then.
    """
    partial, lock = path.with_suffix(".partial"), path.with_suffix(".lock")
    if not (os.path.lexists(partial) or os.path.lexists(lock)):
        return
    held = None
    try:
        held = Lock(lock, path)
    except (InputError, OSError):
        if not (ours and _owner(lock) == _me()):
            return
    with suppress(OSError, InputError):
        if refuse_other_than_file(partial):
            partial.unlink()
    if held is not None:
        held.release()
    else:
        lock.unlink(missing_ok=True)


@contextmanager
def waiting_lock(path: Path, what: Path, seconds: float = 60.0) -> Iterator[None]:
    """Hold a lock in a ``with`` block; wait for whoever holds it.

    Raises
    ------
    Busy
        If somebody holds it all that time.
    OSError
    """
    until = time.monotonic() + seconds
    while True:
        try:
            lock = Lock(path, what)
            break
        except Busy:
            if time.monotonic() > until:
                raise
    try:
        yield
    finally:
        lock.release()


def abandoned(folder: Path) -> list[Path]:
    """Return the temporary files of results that nobody is writing: those of processes that were killed."""
    return [
        path
        for path in sorted(folder.glob("[!.]*.partial"))
        if path.is_file() and not path.is_symlink() and not _busy(path.with_suffix(".lock"))
    ]


def sweep_small(folder: Path) -> None:
    """Remove the temporary files of `write_whole` that processes left which were killed."""
    for path in folder.glob(".*.partial"):
        if SMALL.search(path.name) and path.is_file() and not path.is_symlink() and not _busy(path):
            path.unlink(missing_ok=True)


def being_written(path: Path) -> bool:
    """Whether somebody holds the lock of a result, ``<run_id>.h5``, or it cannot be known."""
    return _busy(path.with_suffix(".lock"))


def _busy(lock: Path) -> bool:
    """Whether somebody holds a lock, or it cannot be known."""
    try:
        handle = os.open(lock, os.O_RDONLY | OPEN)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = _owner(lock)
        return error.errno in RIVAL or owner is None or owner[0] != _me()[0] or alive(int(owner[1]))
    finally:
        os.close(handle)
    return False
