"""How the command line ends when something is wrong: one line, an exit code, nothing half-written."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from experiments.batch import Interrupted, RunError
from reservoir.errors import ActivityError, DeviceError, InputError

UsageError = typer.BadParameter.__mro__[2]
"""Base of all complaints about a command line, in Click or in the copy of it inside Typer."""

WRONG, INTERRUPTED = 2, 130


def examples(*lines: str) -> str:
    """The end of a help text, not to be wrapped."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


class Commands(TyperGroup):
    """The group of commands; turns every error into one line on stderr."""

    def main(self, args: Any = None, prog_name: str | None = None, **extra: Any) -> NoReturn:
        """Run a command line and exit."""
        words = list(sys.argv[1:] if args is None else args)
        debug = "--debug" in words
        words = [word for word in words if word != "--debug"] or ["--help"]
        extra["standalone_mode"] = False
        try:
            code = super().main(words, prog_name or "whatwhen", **extra)
        except Interrupted as error:
            _leave(f"interrupted: {error}", INTERRUPTED, at_once=error.threads_left)
        except Exception as error:
            if debug:
                raise
            _leave(*_in_one_line(error))
        if code == INTERRUPTED:
            print("interrupted", file=sys.stderr)
        sys.exit(code if isinstance(code, int) else 0)


def _in_one_line(error: Exception) -> tuple[str, int, bool]:
    """Say what is wrong; the exit code; whether to leave at once."""
    if isinstance(error, UsageError):
        return f"error: {_flat(error.format_message())}", WRONG, False
    if isinstance(error, (InputError, ActivityError, DeviceError, RunError)):
        return f"error: {_flat(str(error))}", WRONG, False
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        reason = error.strerror or str(error) or type(error).__name__
        # After a failed write h5py can crash at exit, so exit is not given the chance.
        return f"error: {place}{_flat(reason)}; files finished before are intact", WRONG, True
    if isinstance(error, MemoryError):
        return "error: out of memory; lower --threads or the size of the network", WRONG, False
    return f"error: unexpected {type(error).__name__}: {_flat(str(error))} (--debug shows where)", 1, False


def _flat(text: str) -> str:
    return " ".join(text.split())


def _leave(line: str, code: int, at_once: bool = False) -> NoReturn:
    print(line, file=sys.stderr)
    if at_once:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
