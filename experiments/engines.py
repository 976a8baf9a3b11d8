"""The seam between commands and machines: who carries out the runs that a command asks for (`--engine`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from spikewhen.experiments.limits import parse_size, parse_time
from spikewhen.experiments.workers import Crew, make_crew
from spikewhen.reservoir.errors import InputError


class Engine(Protocol):
    """Who carries out runs.

    Results come back as files in the folder that the command names, so an engine's machines have to see
    that folder. What a crew hands back is small: what tables and summaries need of each run.
    """

    def crew(self, at_once: int, *, shared: bool, folder: Path) -> Crew:
        """Return a crew for the runs of one command.

        Parameters
        ----------
        at_once : int
            How many runs go on at once, where this machine carries them out.
        shared : bool
            Whether runs share memory, as on a GPU.
        folder : Path
            Of the results.
        """


class Local:
    """The machine that the command was called on: its threads or processes."""

    def crew(self, at_once: int, *, shared: bool, folder: Path) -> Crew:
        """Return a crew; a process for each run, or threads where they share memory or are alone."""
        return make_crew(at_once, shared=shared)


LOCAL = Local()

NAMES = ("local", "slurm")
SLURM_KEYS = ("time", "memory", "tasks", "at_once", "partition", "account")


def make_engine(name: str, settings: Mapping[str, str]) -> Engine:
    """Return an engine by name.

    Parameters
    ----------
    name : {"local", "slurm"}
    settings : mapping of str to str
        Of slurm: ``time`` and ``memory`` of a task, how many ``tasks`` an array has and how many of them
        are ``at_once``, ``partition`` and ``account``.

    Raises
    ------
    InputError
        Also where what an engine needs is not installed.
    """
    if name not in NAMES:
        raise InputError("--engine", name, " or ".join(NAMES))
    known = SLURM_KEYS if name == "slurm" else ()
    for key, value in settings.items():
        if key not in known:
            allowed = f"one of {', '.join(known)}" if known else "nothing: the engine local has no settings"
            raise InputError("--engine-set", f"{key}={value}", allowed)
    if name == "local":
        return LOCAL
    from spikewhen.experiments.slurm import Slurm

    return Slurm(
        time_s=parse_time(settings.get("time", "1h"), "--engine-set time"),
        memory_bytes=parse_size(settings["memory"], "--engine-set memory") if "memory" in settings else None,
        tasks=_number(settings, "tasks", 100),
        at_once=_number(settings, "at_once", 0) or None,
        partition=settings.get("partition"),
        account=settings.get("account"),
    )


def _number(settings: Mapping[str, str], key: str, default: int) -> int:
    text = settings.get(key, str(default))
    if key in settings and not (text.isascii() and text.isdigit() and 1 <= int(text) <= 10_000):
        raise InputError(f"--engine-set {key}", text, "a number from 1 to 10000")
    return int(text)
