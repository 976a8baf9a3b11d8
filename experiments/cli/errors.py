"""How the command line ends when something is wrong: one line, an exit code, nothing half-written."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

from typer.core import TyperGroup

from spikewhen.reservoir.errors import LONGEST, ActivityError, DeviceError, InputError, printable

WRONG, INTERRUPTED = 2, 130


class Interrupted(Exception):
    """Ctrl-C: finished runs stay, the others left nothing."""

    def __init__(self, finished: int, total: int, threads_left: bool):
        super().__init__(f"{finished} of {total} runs finished, run again to go on")
        self.threads_left = threads_left


class RunError(Exception):
    """A run failed; the message says which and why."""


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
        try:
            code = super().main(words, prog_name or "spikewhen", **extra)
        except Interrupted as error:
            _leave(f"interrupted: {error}", INTERRUPTED, at_once=error.threads_left)
        except Exception as error:
            if debug:
                raise
            _leave(*_in_one_line(error))
        if code == INTERRUPTED:
            print("interrupted", file=sys.stderr)
        sys.exit(code if isinstance(code, int) else 0)


def _in_one_line(error: Exception) -> tuple[str, int]:
    """Say what is wrong, and the exit code."""
    if hasattr(error, "format_message"):  # of Click, or of the copy of Click that newer Typers bring
        return f"error: {_flat(error.format_message())}", WRONG
    if isinstance(error, (InputError, ActivityError, DeviceError, RunError)):
        return f"error: {_flat(str(error))}", WRONG
    if isinstance(error, OSError):
        place = f"{printable(error.filename, 150)}: " if error.filename else ""
        reason = error.strerror or str(error) or type(error).__name__
        return f"error: {place}{_flat(reason)}; files finished before are intact", WRONG
    if isinstance(error, MemoryError):
        return f"error: out of memory: {_flat(str(error))}; --dry-run says what is planned", WRONG
    return f"error: unexpected {type(error).__name__}: {_flat(str(error))} (--debug shows where)", 1


def _flat(text: str) -> str:
    return printable(" ".join(text.split()), LONGEST + 12)


def _leave(line: str, code: int, at_once: bool = False) -> NoReturn:
    print(line, file=sys.stderr)
    if at_once:  # threads are still inside kernels, and a normal exit would wait for them
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
