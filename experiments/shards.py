"""A part of a command's runs: every machine does its own, and each run is in exactly one part."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from spikewhen.experiments.jobs import Job
from spikewhen.reservoir.errors import InputError

AnyJob = TypeVar("AnyJob", bound=Job)
T = TypeVar("T")

OPTION = "--shard"
ALLOWED = "I/N with I from 1 to N, such as 3/8, or auto in a job array"


class Shard(NamedTuple):
    """One of the parts that a command's runs are dealt out into.

    Attributes
    ----------
    number : int
        From 1.
    total : int
        How many parts there are.
    """

    number: int
    total: int

    def of(self, jobs: Sequence[AnyJob]) -> list[AnyJob]:
        """Return the runs that are in this part, in the order of `jobs`.

        Runs are dealt out in turn, those with the longest estimate first. So parts take about as long as
        each other, and which run is in which part does not depend on what is finished.
        """
        once = list({job.path: job for job in jobs}.values())
        mine = set(self.deal([job.path for job in sorted(once, key=lambda job: -job.estimate.seconds)]))
        return [job for job in jobs if job.path in mine]

    def deal(self, items: Sequence[T]) -> Sequence[T]:
        """Return every `total`-th item, beginning with number `number`."""
        return items[self.number - 1 :: self.total]

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"


def part_of(shard: Shard | None, jobs: Sequence[AnyJob]) -> list[AnyJob]:
    """Return the runs of a part; all of them where no part was asked for."""
    return list(jobs) if shard is None else shard.of(jobs)


class _Array(NamedTuple):
    """How a queue tells a task of its array which one it is."""

    queue: str
    number: str  # the variable that holds the task's own number
    first: str | None = None
    last: str | None = None
    step: str | None = None
    how_many: str | None = None


ARRAYS = (
    _Array(
        "SLURM",
        "SLURM_ARRAY_TASK_ID",
        "SLURM_ARRAY_TASK_MIN",
        "SLURM_ARRAY_TASK_MAX",
        "SLURM_ARRAY_TASK_STEP",
        "SLURM_ARRAY_TASK_COUNT",
    ),
    _Array("PBS", "PBS_ARRAY_INDEX"),
    _Array("PBS", "PBS_ARRAYID"),  # Torque's name
    _Array("LSF", "LSB_JOBINDEX", None, "LSB_JOBINDEX_END", "LSB_JOBINDEX_STEP"),
    _Array("SGE", "SGE_TASK_ID", "SGE_TASK_FIRST", "SGE_TASK_LAST", "SGE_TASK_STEPSIZE"),
)
NO_ARRAY = {"LSF": ("0",), "SGE": ("undefined",)}
"""What a queue sets in jobs that are no array."""


def parse_shard(text: str, environment: Mapping[str, str] = os.environ) -> Shard:
    """Read which part is asked for: ``"3/8"``, ``"auto"`` or ``"auto/8"``.

    With ``auto`` both numbers come from the job array that this process is a task of: the first task
    is part 1. With ``auto/8`` the task's own number is that of the part, whatever the array holds.

    Raises
    ------
    InputError
        Also where there is no array, its range is not told, or two queues contradict each other.
    """
    match = re.fullmatch(r"(auto|\d{1,9})(?:/(\d{1,9}))?", text.strip(), re.ASCII)
    if match is None or (match[1] != "auto" and match[2] is None):
        raise InputError(OPTION, text, ALLOWED)
    count = None if match[2] is None else int(match[2])
    if match[1] != "auto":
        assert count is not None
        return _checked(Shard(int(match[1]), count), text)
    told: dict[Shard, str] = {}
    for array in ARRAYS:
        number = environment.get(array.number, "")
        if number not in ("", *NO_ARRAY.get(array.queue, ())):
            read = partial(_read, environment)
            shard = _of_array(array, read) if count is None else Shard(read(array.number), count)
            told.setdefault(shard, array.number)
    if not told:
        names = ", ".join(array.number for array in ARRAYS)
        raise InputError(OPTION, text, f"I/N outside of a job array: none of {names} is set")
    if len(told) > 1:
        found = ", ".join(f"{name} means {shard}" for shard, name in told.items())
        raise InputError(OPTION, text, f"I/N, since two queues contradict each other: {found}")
    ((shard, name),) = told.items()
    return _checked(shard, f"{text}, with {name}={environment[name]}")


def _checked(shard: Shard, text: str) -> Shard:
    if not 1 <= shard.number <= shard.total:
        raise InputError(OPTION, text, ALLOWED)
    return shard


def _read(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name, "")
    if text == "":
        allowed = "set by the queue in an array; else auto/N, with tasks numbered from 1 to N, or I/N"
        raise InputError(f"{OPTION} auto: {name}", "not set", allowed)
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise InputError(f"{OPTION} auto: {name}", text, "a whole number")
    return int(text)


def _of_array(array: _Array, read: Callable[[str], int]) -> Shard:
    """Return the part of a task of an array whose range the queue tells.

    Raises
    ------
    InputError
        Where it does not, or the numbers have gaps or contradict each other.
    """
    number = read(array.number)
    if array.last is None:
        allowed = f"auto/N with N tasks numbered from 1: {array.queue} does not tell how many there are"
        raise InputError(OPTION, "auto", allowed)
    last = read(array.last)
    first = 1 if array.first is None else read(array.first)
    step = 1 if array.step is None else read(array.step)
    count = (last - first) // step + 1 if step and last >= first else 0
    whole = count and first <= number <= last and (number - first) % step == 0
    if not whole or (array.how_many is not None and read(array.how_many) != count):
        names = [n for n in (array.number, array.first, array.last, array.step, array.how_many) if n]
        found = ", ".join(f"{name}={read(name)}" for name in names)
        raise InputError(f"{OPTION} auto", found, "an array without gaps; else auto/N, tasks numbered 1 to N")
    return Shard((number - first) // step + 1, count)
