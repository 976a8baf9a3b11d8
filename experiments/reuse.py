"""A finished run is known by its config: a file is taken for one only if its name, hash and config agree."""

from __future__ import annotations

import os
import re
from pathlib import Path

from spikewhen.experiments.result import Result, open_run
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.locks import refuse_other_than_file
from spikewhen.reservoir.files.recording import Recording, read_run, run_id

HASH = re.compile("[0-9a-f]{16}")
MEND = "delete it to run again"


def is_there(path: Path) -> bool:
    """Whether something stands under a result's name; what it is shows when it is read."""
    return os.path.lexists(path)


def read_finished_run(path: Path, name: str, only: tuple[str, ...] = ("/",)) -> Recording:
    """Read a run that was finished before, in place of doing it.

    Parameters
    ----------
    path : Path
    name : str
        The hash of the config that is asked for, which is also the file's name.
    only : tuple of str
        See `read_run`.

    Raises
    ------
    InputError
        If the file is damaged, or is of another run.
    """
    try:
        refuse_other_than_file(path, follow=True)
        recording = read_run(path, only)
        check_identity(recording, path, name)
    except InputError as error:
        raise InputError(error.where, error.value, f"{error.allowed}; {MEND}") from error
    return recording


def open_finished_run(path: Path, name: str) -> Result:
    """Open a run that was finished before. Parameters and errors as in `read_finished_run`."""
    refuse_other_than_file(path, follow=True)
    result = open_run(path)
    try:
        check_identity(result, path, name)
    except InputError:
        result.close()
        raise
    return result


def check_identity(recording: Recording, path: Path, name: str | None = None) -> None:
    """Check that a file is of the run that its name says, and of the one that is asked for.

    A name that is no hash says nothing; such a file is known by its config alone.

    Raises
    ------
    InputError
        If it is a file that was renamed, or whose config was changed.
    """
    found, said = run_id(recording.config), recording.attrs["/"].get("run_id")
    if said != found:
        raise InputError(str(path), f"run_id {said!r}", f"{found}, the hash of its config")
    for expected in (path.stem if HASH.fullmatch(path.stem) else None, name):
        if expected is not None and expected != found:
            raise InputError(str(path), f"the run {found}", f"the run {expected}: the file was renamed")
