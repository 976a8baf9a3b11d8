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

    def at_once(self, threads: int, runs: int) -> int:
        """Return how many of some runs go on at once, of which this machine would take `threads`."""

    def describe(self, runs: int, folder: Path) -> str:
        """Say what a dry run of some runs says beside their list; nothing where that says it all."""


class Local:
    """The machine that the command was called on: its threads or processes."""

    def crew(self, at_once: int, *, shared: bool, folder: Path) -> Crew:
        """Return a crew; a process for each run, or threads where they share memory or are alone."""
        return make_crew(at_once, shared=shared)

    def at_once(self, threads: int, runs: int) -> int:
        """Return what this machine takes."""
        return threads

    def describe(self, runs: int, folder: Path) -> str:
        """Say nothing more."""
        return ""


LOCAL = Local()

KEYS = {
    "local": (),
    "slurm": ("time", "memory", "tasks", "at_once", "partition", "account", "scratch"),
    "dask": ("scheduler", "scratch"),
}
"""The settings of each engine."""


def make_engine(name: str, settings: Mapping[str, str]) -> Engine:
    """Return an engine by name.

    Parameters
    ----------
    name : {"local", "slurm", "dask"}
    settings : mapping of str to str
        Of slurm: ``time`` and ``memory`` of a task, how many ``tasks`` an array has and how many of them
        are ``at_once``, ``partition`` and ``account``. Of dask: the address of the ``scheduler``. Of
        both: ``scratch``, a folder of a machine for files while they are written.

    Raises
    ------
    InputError
        Also where what an engine needs is not installed.
    """
    if name not in KEYS:
        raise InputError("--engine", name, " or ".join(KEYS))
    known = KEYS[name]
    for key, value in settings.items():
        if key not in known:
            allowed = f"one of {', '.join(known)}" if known else "nothing: the engine local has no settings"
            raise InputError("--engine-set", f"{key}={value}", allowed)
    if name == "local":
        return LOCAL
    if name == "dask":
        from spikewhen.experiments.dask import Dask

        return Dask(settings.get("scheduler", ""), settings.get("scratch", ""))
    from spikewhen.experiments.slurm import Slurm

    return Slurm(
        time_s=parse_time(settings.get("time", "1h"), "--engine-set time"),
        memory_bytes=parse_size(settings["memory"], "--engine-set memory") if "memory" in settings else None,
        tasks=_number(settings, "tasks"),
        at_once_most=_number(settings, "at_once"),
        partition=settings.get("partition"),
        account=settings.get("account"),
        scratch=settings.get("scratch", ""),
    )


def _number(settings: Mapping[str, str], key: str) -> int | None:
    text = settings.get(key)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 10_000):
        raise InputError(f"--engine-set {key}", text, "a number from 1 to 10000")
    return int(text)
