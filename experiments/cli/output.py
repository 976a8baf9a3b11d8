"""Where a command writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import typer

from spikewhen.reservoir.errors import InputError, lines


def echo(text: object, nl: bool = True, err: bool = False) -> None:
    """Print a text; what a terminal would obey, as names from a file may hold it, is escaped."""
    typer.echo(lines(str(text)), nl=nl, err=err)


def check_folder(folder: Path) -> None:
    """Refuse a place where no result file can be written, before anything runs.

    Raises
    ------
    InputError
    """
    parent = folder
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if not (parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)):
        raise InputError("--out", str(folder), "a writable folder")


@contextmanager
def leaving_no_empty(folder: Path) -> Iterator[None]:
    """Take away a folder that was made for nothing."""
    made = not folder.exists()
    try:
        yield
    except BaseException:
        if made:
            with suppress(OSError):
                folder.rmdir()
        raise
