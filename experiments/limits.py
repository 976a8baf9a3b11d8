"""What a plan may take: memory, disk and time; a plan that needs more is refused before it begins."""

from __future__ import annotations

import operator
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

from spikewhen.experiments.estimate import Part, total
from spikewhen.experiments.tables import duration, size
from spikewhen.reservoir.errors import InputError

MOST_SECONDS = 30 * 86400.0
"""Of one run on one core, where nothing else is said."""


class Limits(NamedTuple):
    """What a plan may take.

    Attributes
    ----------
    memory_bytes : float
        Of the runs that go on at once.
    disk_bytes : float
        Of all files that are to be written.
    seconds : float
        Of one run.
    """

    memory_bytes: float = float("inf")
    disk_bytes: float = float("inf")
    seconds: float = float("inf")


BOUNDLESS = Limits()


def of_machine(folder: Path | None = None) -> Limits:
    """Return the memory there is, the disk that is free where `folder` is or will be, and 30 days."""
    return Limits(memory(), float("inf") if folder is None else free_disk(folder), MOST_SECONDS)


def memory() -> float:
    """Bytes of memory that this process may use: of the machine, its control group, its shell's limit."""
    return min([float("inf"), *_of_machine(), *_of_control_group(), *_of_shell()])


def _of_machine() -> Iterator[float]:
    with suppress(ValueError, OSError, AttributeError):  # not on every system
        yield float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def _of_control_group() -> Iterator[float]:
    """Limits of the process's control group and of all groups above it, versions 1 and 2."""
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, kinds, place = line.split(":", 2)
            if kinds not in ("", "memory"):
                continue
            root = Path("/sys/fs/cgroup", kinds)
            name = "memory.limit_in_bytes" if kinds else "memory.max"
            group = Path(place.lstrip("/"))
            for folder in (group, *group.parents):
                with suppress(OSError, ValueError):  # "max" where there is none
                    yield float(int((root / folder / name).read_text()))


def _of_shell() -> Iterator[float]:
    with suppress(ImportError, OSError, ValueError):
        import resource

        soft = resource.getrlimit(resource.RLIMIT_AS)[0]
        if soft != resource.RLIM_INFINITY:
            yield float(soft)


def free_disk(folder: Path) -> float:
    """Bytes that are free where a folder is, or will be made."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        return float(shutil.disk_usage(place).free)
    except OSError:
        return float("inf")


def refuse_beyond(parts: Sequence[Part], limits: Limits) -> None:
    """Refuse a run whose estimate is beyond a limit.

    Raises
    ------
    InputError
        In one line: what is planned, what the limit is, and which values of the config decide it.
    """
    costs = total(list(parts))
    for what, limit in zip(("memory_bytes", "disk_bytes", "seconds"), limits, strict=True):
        planned = getattr(costs, what)
        if not planned <= limit:
            most = max(parts, key=operator.attrgetter(what)).keys
            also = ", simulation.dt_ms, network.n_neurons" if what == "seconds" else ""
            refuse(what.removesuffix("_bytes"), planned, limit, f"for one run, most of it for {most}{also}")


def refuse(what: str, planned: float, limit: float, why: str) -> NoReturn:
    """Refuse a plan.

    Raises
    ------
    InputError
    """
    form, option = (duration, "time") if what == "seconds" else (size, what)
    at_most = f"at most {form(limit)} (--limit-{option})"
    raise InputError(f"planned {option}", form(planned), f"{at_most}: {why}")


_SIZES = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_TIMES = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def parse_size(text: str, option: str) -> float:
    """Read a number of bytes: ``"8GB"``, ``"500 MB"``, ``"1.5GiB"``.

    Raises
    ------
    InputError
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?)b?\s*", text, re.IGNORECASE | re.ASCII)
    if found is None or float(found[1]) == 0 or (found[3] and not found[2]):
        raise InputError(option, text, "a size above 0, such as 500MB, 8GB or 1.5GiB")
    return float(found[1]) * (1024.0 if found[3] else 1000.0) ** _SIZES[found[2].lower()]


def parse_time(text: str, option: str) -> float:
    """Read a number of seconds: ``"90min"``, ``"12h"``, ``"60d"``.

    Raises
    ------
    InputError
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h|d)\s*", text, re.IGNORECASE | re.ASCII)
    if found is None or float(found[1]) == 0:
        raise InputError(option, text, "a time above 0, such as 90min, 12h or 60d")
    return float(found[1]) * _TIMES[found[2].lower()]
