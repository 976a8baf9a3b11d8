"""What reaches a command from outside: signals that end it, and standard streams that fail."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
import time
from typing import Any

from spikewhen.experiments.workers import ENDING

QUIET_S = 5.0
"""How long after a signal others change nothing: what it ended is clearing up."""


class Ended(KeyboardInterrupt):
    """A signal told the command to end; it clears up as after Ctrl-C."""


class Signals:
    """While it lasts, a signal that would end the process clears up first, in a ``with`` block.

    Attributes
    ----------
    number : int or None
        The signal that came, if one did.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._until = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, *ENDING):
                # One that is ignored, as in a background shell or under nohup, stays ignored.
                if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                    self._before[number] = signal.signal(number, self._end)
        return self

    def __exit__(self, *_: object) -> None:
        if self.number is not None:
            return  # the process is ending, and another signal has nothing to add
        for number, before in self._before.items():
            signal.signal(number, before)

    def _end(self, number: int, _: Any) -> None:
        now = time.monotonic()
        if now < self._until:
            return
        self.number, self._until = number, now + QUIET_S
        raise Ended(number)

    @property
    def code(self) -> int:
        """The exit code of a command that was ended, as shells count it."""
        return 128 + (self.number or signal.SIGINT)

    @property
    def name(self) -> str:
        """What to call the signal, nothing where it was Ctrl-C."""
        return "" if self.number in (None, signal.SIGINT) else f" by {signal.Signals(self.number).name}"

    def leave(self) -> None:
        """Let nothing disturb the end of the process."""
        self._until = float("inf")


class _Raw(io.FileIO):
    """A stream to which everything can be written: it remembers the first failure instead."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view) and self.error is None:
            try:
                taken = super().write(view[done:])
            except OSError as error:
                self.error = error
                break
            if taken is None:  # a pipe that does not block, and is full
                time.sleep(0.01)
            done += taken or 0
        return len(view)


class Streams:
    """Standard streams that decide no result.

    Whatever becomes of the standard error is passed over. So is a reader of the standard output
    that has left, as `head` does; a failure to write to it otherwise is `failure`.
    """

    def __init__(self) -> None:
        for number in range(3):  # else the first file that is opened takes the place of one that is closed
            try:
                os.fstat(number)
            except OSError:
                os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        self._out = _Raw(1, "w", closefd=False)
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        is_terminal = self._out.isatty()
        sys.stdout = _text(self._out, encoding, is_terminal)
        sys.stderr = _text(_Raw(2, "w", closefd=False), encoding, True)

    @property
    def failure(self) -> OSError | None:
        """What went wrong with the standard output, if anything did that somebody should know of."""
        sys.stdout.flush()
        error = self._out.error
        return None if error is None or error.errno == errno.EPIPE else error


def _text(raw: io.RawIOBase, encoding: str, by_line: bool) -> io.TextIOWrapper:
    buffered = io.BufferedWriter(raw)
    return io.TextIOWrapper(buffered, encoding, "backslashreplace", line_buffering=by_line)
