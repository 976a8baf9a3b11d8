"""How the command line ends when something is wrong: one line, an exit code, nothing half-written."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from typer.core import TyperGroup

from spikewhen.experiments.workers import Died
from spikewhen.reservoir.errors import LONGEST, ActivityError, DeviceError, InputError, printable

WRONG, INTERRUPTED = 2, 130

LITTLE = 700e6
"""Bytes of address space that the libraries take; with less, linear algebra waits for more for ever."""

MOST_LINES = 20
"""Of failures, before the rest is only counted."""


class Interrupted(Exception):
    """Ctrl-C: finished runs stay, the others left nothing."""

    def __init__(self, finished: int, total: int, threads_left: bool):
        super().__init__(f"{finished} of {total} runs finished, run again to go on")
        self.threads_left = threads_left


class RunError(Exception):
    """A run failed; the message says which and why."""


class RunErrors(RunError):
    """Some runs of a command failed, and the others were finished.

    Parameters
    ----------
    lines : sequence of str
        One for each, naming it.
    """

    def __init__(self, lines: Sequence[str]):
        super().__init__(lines)
        self.lines = list(lines)

    def __str__(self) -> str:
        return "\n".join(self.lines)


def examples(*lines: str) -> str:
    """The end of a help text, not to be wrapped."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


class Commands(TyperGroup):
    """The group of commands; turns every error into one line on stderr."""

    def main(self, args: Any = None, prog_name: str | None = None, *_: Any, **extra: Any) -> NoReturn:
        """Run a command line and exit."""
        words = list(sys.argv[1:] if args is None else args)
        debug = "--debug" in words
        words = [word for word in words if word != "--debug"] or ["--help"]
        extra["standalone_mode"] = False
        from spikewhen.experiments.cli.ending import Signals

        limit = _address_space()
        if limit and limit < LITTLE and not {"--help", "-h"} & set(words):
            _leave(f"error: {_no_room(limit)}", WRONG)
        with Signals() as signals:
            try:
                code = super().main(words, prog_name or "spikewhen", **extra)
            except Interrupted as error:
                signals.leave()
                _leave(f"interrupted{signals.name}: {error}", signals.code, at_once=error.threads_left)
            except KeyboardInterrupt:
                code = INTERRUPTED
            except Exception as error:
                if debug:
                    raise
                signals.leave()
                _leave(*_in_lines(error))
            signals.leave()
            if code == INTERRUPTED:
                _leave(f"interrupted{signals.name}", signals.code)
        sys.exit(code if isinstance(code, int) else 0)


def _in_lines(error: Exception) -> tuple[str, int]:
    """Say what is wrong, and the exit code."""
    if isinstance(error, RunErrors):
        lines = [f"error: {_flat(line)}" for line in error.lines[:MOST_LINES]]
        if more := len(error.lines) - len(lines):
            lines.append(f"error: and {more} more like these")
        return "\n".join(lines), WRONG
    text, code = explain(error)
    return f"error: {_flat(text)}", code


def explain(error: BaseException) -> tuple[str, int]:
    """Say what is wrong in one line, and the exit code."""
    if hasattr(error, "format_message"):  # of Click, or of the copy of Click that newer Typers bring
        return error.format_message() + _commands_there(error), WRONG
    if isinstance(error, (InputError, ActivityError, DeviceError, RunError, Died)):
        return str(error), WRONG
    if why := _of_surroundings(error):
        return why, WRONG
    if isinstance(error, OSError):
        place = f"{printable(error.filename, 150)}: " if error.filename else ""
        reason = error.strerror or str(error) or type(error).__name__
        return f"{place}{reason}; files finished before are intact", WRONG
    if isinstance(error, MemoryError):
        return f"out of memory: {error}; --dry-run says what is planned", WRONG
    return f"unexpected {type(error).__name__}: {error} (--debug shows where)", 1


def _commands_there(error: Any) -> str:
    """Name the commands that there are, where one was asked for that is like none of them."""
    context = getattr(error, "ctx", None)
    text = error.format_message()
    if context is None or not text.startswith("No such command") or "Did you mean" in text:
        return ""
    return " Commands: " + ", ".join(context.command.list_commands(context))


def _of_surroundings(error: BaseException) -> str:
    """Say what in this process's surroundings an error comes from that names none of it; else nothing."""
    of_memory = isinstance(error, MemoryError | ImportError) or (
        isinstance(error, OSError) and error.errno in (None, errno.ENOMEM)
    )
    if of_memory and not isinstance(error, ModuleNotFoundError) and (limit := _address_space()):
        return _no_room(limit)
    threads = os.environ.get("NUMBA_NUM_THREADS")
    if isinstance(error, ValueError) and threads is not None and "Number of threads" in str(error):
        return f"NUMBA_NUM_THREADS = {threads!r}: a number >= 1, or unset"
    return ""


def _no_room(limit: float) -> str:
    shown = f"the libraries take {LITTLE / 1e6:.0f} MB, and a run comes on top"
    return f"out of memory: the address space is limited to {limit / 1e6:.0f} MB (ulimit -v); {shown}"


def _address_space() -> int | None:
    """Return the limit on this process's address space, bytes, if there is one."""
    try:
        import resource
    except ImportError:
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def _flat(text: str) -> str:
    return printable(" ".join(text.split()), LONGEST + 12)


def _leave(line: str, code: int, at_once: bool = False) -> NoReturn:
    print(line, file=sys.stderr)
    if at_once:  # threads are still inside kernels, and a normal exit would wait for them
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
