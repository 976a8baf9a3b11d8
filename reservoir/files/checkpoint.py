"""Stop and go on inside a run: what a run needs to be continued, kept beside its result while it runs.

A result file is only ever written from its beginning, so that equal runs leave equal bytes. A checkpoint
therefore keeps the calls that were made to the sink (``<run_id>.calls``, which only grows), and, under a
digest, all that changes while a run goes on (``<run_id>.checkpoint``, replaced as a whole). The continued
run makes the same calls again, takes the state, and goes on: every byte of its result is that of the
uninterrupted run.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from spikewhen.reservoir.errors import ActivityError, InputError
from spikewhen.reservoir.files.integrity import write_whole
from spikewhen.reservoir.files.sinks import Sink

MARK = b"spikewhen checkpoint 1\n"
CALLS, STATE = ".calls", ".checkpoint"
"""Endings of the two files."""


class Moment(NamedTuple):
    """A run between two segments."""

    done: int  # segments
    arrays: dict[str, np.ndarray]  # all that changes, by name


class Checkpoint:
    """Keeps moments of one run, and gives the last one back.

    Parameters
    ----------
    path : Path
        Of the result, ``<run_id>.h5``.
    version : str
        Of the code that runs. Another one may not continue the run.
    every_s : float
        Time from one kept moment to the next, s.
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, path: Path, version: str, every_s: float, clock: Callable[[], float] = time.monotonic):
        self.path, self.version, self.every_s, self._clock = Path(path), version, every_s, clock
        self._state, self._calls = (self.path.with_suffix(end) for end in (STATE, CALLS))
        self._log: BinaryIO | None = None
        self._digest, self._bytes = hashlib.sha256(), 0
        self._last: Moment | None = None
        self._mark = 0, ""  # length and digest of the log at that moment
        self._kept = clock()

    def resume(self, sink: Sink) -> Moment | None:
        """Make the calls of the interrupted run again, and return where it was; None where there was none.

        Raises
        ------
        InputError
            If what was kept is damaged, or another version of the code kept it.
        """
        found = self._read()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._log = open(self._calls, "r+b" if found else "w+b")
        if found is None:
            return None
        head, moment = found
        self._repeat(sink, int(head["bytes"]), str(head["digest"]))
        self._log.truncate()
        return moment

    def note(self, call: str, path: str, rows: np.ndarray, start: int = 0) -> None:
        """Log one call that was made to the sink."""
        rows = np.ascontiguousarray(rows)
        head = {
            "call": call,
            "path": path,
            "start": start,
            "dtype": rows.dtype.str,
            "shape": list(rows.shape),
        }
        self._put(json.dumps(head).encode() + b"\n" + rows.tobytes())

    def offer(self, done: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Take a moment between two segments; it is written down if the time has come, or by `keep`."""
        self._last = Moment(done, {name: array.copy() for name, array in arrays.items()})
        self._mark = self._bytes, self._digest.hexdigest()
        if self._clock() - self._kept >= self.every_s:
            self.keep()

    def keep(self) -> None:
        """Write the last moment down, as before the process ends.

        Raises
        ------
        OSError
            If there is no room; what was kept before then stays.
        """
        if self._last is None or self._log is None:
            return
        self._log.flush()
        os.fsync(self._log.fileno())
        arrays, parts, at = {}, [], 0
        for name, array in self._last.arrays.items():
            data = np.ascontiguousarray(array).tobytes()
            arrays[name] = {"dtype": array.dtype.str, "shape": list(array.shape), "at": at}
            parts.append(data)
            at += len(data)
        head = {"version": self.version, "run": self.path.stem, "done": self._last.done}
        head |= {"bytes": self._mark[0], "digest": self._mark[1]}
        content = json.dumps(head | {"arrays": arrays}).encode() + b"\n" + b"".join(parts)
        write_whole(self._state, MARK + hashlib.sha256(content).digest() + content)
        self._kept = self._clock()
        self._last = None

    def close(self) -> None:
        """Leave what was kept to a later process."""
        if self._log is not None:
            with suppress(OSError):  # a full disk: what was kept before is on it, and the rest is not needed
                self._log.close()
        if not self._state.exists():
            forget(self.path)

    def _put(self, data: bytes) -> None:
        assert self._log is not None
        self._log.write(data)
        self._digest.update(data)
        self._bytes += len(data)

    def _read(self) -> tuple[dict[str, Any], Moment] | None:
        try:
            data = self._state.read_bytes()
        except FileNotFoundError:
            return None
        begin = len(MARK) + hashlib.sha256().digest_size
        content = data[begin:]
        if data[:begin] != MARK + hashlib.sha256(content).digest():
            raise InputError(str(self._state), "its digest does not fit", "a whole checkpoint; or remove it")
        line, _, rest = content.partition(b"\n")
        head = json.loads(line)
        if (head["version"], head["run"]) != (self.version, self.path.stem):
            allowed = f"one of this version, {self.version}; remove it to begin the run anew"
            raise InputError(str(self._state), f"a checkpoint of version {head['version']}", allowed)
        arrays = {}
        for name, entry in head["arrays"].items():
            dtype, shape = np.dtype(entry["dtype"]), tuple(entry["shape"])
            size = int(np.prod(shape, dtype=np.int64))
            arrays[name] = np.frombuffer(rest, dtype, size, entry["at"]).reshape(shape)
        return head, Moment(head["done"], arrays)

    def _repeat(self, sink: Sink, size: int, digest: str) -> None:
        assert self._log is not None
        found = hashlib.sha256()
        left = size
        while left and (part := self._log.read(min(left, 2**20))):
            found.update(part)
            left -= len(part)
        if left or found.hexdigest() != digest:
            raise InputError(str(self._calls), "not what its checkpoint says", "both files; or remove them")
        self._log.seek(0)
        while self._log.tell() < size:
            head = json.loads(self._log.readline())
            dtype, shape = np.dtype(head["dtype"]), tuple(head["shape"])
            n = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
            rows = np.frombuffer(self._log.read(n), dtype).reshape(shape)
            if head["call"] == "append":
                sink.append(head["path"], rows)
            else:
                sink.write(head["path"], head["start"], rows)
        self._digest, self._bytes = found, size


def forget(path: Path) -> None:
    """Remove what was kept of a run, if anything was: it has ended, or can only end in the same way."""
    for end in (STATE, CALLS):
        with suppress(FileNotFoundError):
            path.with_suffix(end).unlink()


@contextmanager
def keeping(checkpoint: Checkpoint | None) -> Iterator[None]:
    """Write the last moment down where what is inside is stopped by a signal or an error."""
    try:
        yield
    except ActivityError:
        if checkpoint:
            forget(checkpoint.path)
        raise
    except BaseException:
        if checkpoint:
            with suppress(OSError):  # what was kept before stays
                checkpoint.keep()
            checkpoint.close()
        raise


class LoggingSink:
    """A sink whose rows are logged by a checkpoint while they go on to another sink."""

    def __init__(self, sink: Sink, checkpoint: Checkpoint):
        self._sink, self._checkpoint = sink, checkpoint
        self.create, self.put, self.annotate = sink.create, sink.put, sink.annotate

    def write(self, path: str, start: int, rows: np.ndarray) -> None:
        """Write rows from `start` on."""
        self._sink.write(path, start, rows)
        self._checkpoint.note("write", path, rows, start)

    def append(self, path: str, rows: np.ndarray) -> None:
        """Add rows at the end."""
        self._sink.append(path, rows)
        self._checkpoint.note("append", path, rows)
