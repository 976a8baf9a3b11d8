"""Compiled kernels on disk, one file each, never believed without their digest.

A kernel is machine code and a pickle. A flipped bit in one ran as a crash, or as other results
without a word; so nothing of a file is unpickled before its SHA-256 fits. What cannot be read
is said once, compiled again and replaced; what cannot be saved is done without.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import pickle
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import llvmlite
import numba as nb
from numba.core.caching import FunctionCache
from numba.core.serialize import dumps

log = logging.getLogger(__name__)

MARK = b"spikewhen kernel 1\n"
"""How the file of a kernel begins; the digest of what follows is next."""

COMPILING = "compiling (once: kernels are kept on disk)"

LOCKS = "compiling.lock"
"""The file of a folder that processes lock a byte of while they compile a kernel."""

PATIENCE_S = 300.0
"""How long a process waits for another one that compiles the same kernel, before it compiles it too."""

_told: set[str] = set()

_lock_files: dict[Path, int] = {}
"""One open file for each folder: to close any of a file's would free all locks of this process on it."""


class KernelCache(FunctionCache):
    """What Numba asks for the kernels of one function: a file for each signature, processor and source.

    Numba's own cache keeps an index beside the data, counts its data files, and trusts both. Here the
    name of a file is a hash of its key, so writers in several processes need no index and cannot take one
    name for two kernels; a file is written under a name of its own and renamed.

    Parameters
    ----------
    function : callable
        What is compiled; its file says which folder is used.
    source : str
        Hash of everything the kernel is made of.

    Raises
    ------
    RuntimeError
        If no folder can be written.
    """

    def __init__(self, function: Callable, source: str):
        super().__init__(function)
        self._source = source
        self._turns: dict[str, Turn] = {}

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled function of a signature; None where there is none that can be trusted."""
        target_context.refresh()
        key = self._key(sig, target_context.codegen())
        path = self._file(key)
        for first in (True, False):
            try:
                found = self._impl.rebuild(target_context, read_kernel(path, key))
            except FileNotFoundError:
                tell_once(COMPILING, logging.INFO)
            except Exception as error:  # unpickling may raise anything
                tell_once(f"kernel cache: {path} cannot be used ({_line(error)}); compiled again")
                return None
            else:
                if key in self._turns:  # nothing is left to compile, and a third process may be waiting
                    self._turns.pop(key).end()
                return found
            if first:  # another process may be at it, and have left the file by the time of our turn
                self._turns[key] = Turn(path)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled function, if there is room for it."""
        try:
            if self._impl.check_cachable(data):
                key = self._key(sig, data.codegen)
                self._impl.locator.ensure_cache_path()
                write_kernel(self._file(key), key, self._impl.reduce(data))
        except Exception as error:
            where = self._cache_path
            tell_once(
                f"kernel cache: nothing can be kept in {where} ({_line(error)}); every command compiles anew"
            )
        finally:
            self.end_turns()

    def end_turns(self) -> None:
        """Let other processes compile: what this one compiled is on disk, or cannot be."""
        while self._turns:
            self._turns.popitem()[1].end()

    def _key(self, sig: Any, codegen: Any) -> str:
        # Bounds checks change the code and stand in no signature: without them here, a warm cache would
        # answer NUMBA_BOUNDSCHECK=1 with kernels that check nothing.
        versions = nb.__version__, llvmlite.__version__, nb.config.BOUNDSCHECK
        return repr((self._source, sig, codegen.magic_tuple(), versions))

    def _file(self, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        return Path(self._cache_path) / f"{self._impl.filename_base}.{name}.nbc"


class Turn:
    """The right to compile one kernel, which one process has at a time; `end` gives it back.

    A lock on a byte of one file of the folder, so that nothing is left behind, and a process that dies
    frees it. Where no lock can be had, as on some network file systems, every process compiles for itself.

    Parameters
    ----------
    path : Path
        Of the kernel. Who has its turn is waited for, for `PATIENCE_S` at most.
    """

    def __init__(self, path: Path):
        self._file = -1
        self._byte = int.from_bytes(hashlib.sha256(path.name.encode()).digest()[:4], "little") // 2
        ended = time.monotonic() + PATIENCE_S
        try:
            folder = path.parent
            folder.mkdir(parents=True, exist_ok=True)
            if folder not in _lock_files:
                _lock_files[folder] = os.open(folder / LOCKS, os.O_RDWR | os.O_CREAT, 0o666)
            file = _lock_files[folder]
            while time.monotonic() < ended:
                try:
                    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, self._byte)
                    self._file = file
                    return
                except (BlockingIOError, PermissionError):
                    time.sleep(0.02)
        except OSError:
            return

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Give the right back."""
        if self._file >= 0:
            with suppress(OSError):
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._byte)
            self._file = -1


def write_kernel(path: Path, key: str, kernel: Any) -> None:
    """Write a kernel with its key and digest; the file is whole or absent.

    Raises
    ------
    OSError
        If there is no room; nothing is left behind.
    """
    content = dumps((key, kernel))
    made = path.with_name(f"{path.name}.{uuid.uuid4().hex[:16]}")
    try:
        made.write_bytes(MARK + hashlib.sha256(content).digest() + content)
        os.replace(made, path)
    except BaseException:
        with suppress(OSError):
            made.unlink()
        raise


def read_kernel(path: Path, key: str) -> Any:
    """Return the kernel that was written under a key.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not what was written.
    """
    data = path.read_bytes()
    begin = len(MARK) + hashlib.sha256().digest_size
    content = data[begin:]
    if data[:begin] != MARK + hashlib.sha256(content).digest():
        raise ValueError("its digest does not fit")
    found, kernel = pickle.loads(content)
    if found != key:
        raise ValueError("it is another kernel's")
    return kernel


def tell_once(text: str, level: int = logging.WARNING) -> None:
    """Log a text, once in a process."""
    if text not in _told:
        _told.add(text)
        log.log(level, text)


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__
