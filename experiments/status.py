"""How far a folder is with what it is to hold: done, running, missing, failed; and the time left."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from spikewhen.experiments import failed
from spikewhen.experiments.display import count
from spikewhen.experiments.sweep import FILE, MOST_LINES
from spikewhen.experiments.tables import align, duration
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.locks import being_written

DONE, RUNNING, MISSING, FAILED = "done", "running", "missing", "failed"
STATES = (DONE, RUNNING, MISSING, FAILED)

COMPLETE, UNFINISHED, LOST = 0, 3, 4
"""Exit codes: all is there; some is missing or under way; nothing is, but runs failed."""


class Run(NamedTuple):
    """A run that is to be there.

    Attributes
    ----------
    run_id, point : str
        Its hash, and the point of the sweep, or the config, that it belongs to.
    state : str
        One of `STATES`.
    why : mapping of str to str
        Why it failed, by the label of the rule.
    seconds : float or None
        How long it took, where it is done and the JSON beside it says so; how long it has
        been running, where it is.
    """

    run_id: str
    point: str
    state: str
    why: Mapping[str, str]
    seconds: float | None


@dataclass(frozen=True)
class Status:
    """How far a folder is.

    Attributes
    ----------
    folder : Path
    runs : list of Run
        All that are to be there, each once.
    others : int
        Results in the folder that are none of these.
    """

    folder: Path
    runs: list[Run] = field(repr=False)
    others: int

    @property
    def counts(self) -> dict[str, int]:
        """How many runs are in each state."""
        found = Counter(run.state for run in self.runs)
        return {state: found[state] for state in STATES}

    @property
    def code(self) -> int:
        """The exit code: 0 only where every run is done."""
        counts = self.counts
        return UNFINISHED if counts[RUNNING] + counts[MISSING] else LOST if counts[FAILED] else COMPLETE

    @property
    def run_seconds_left(self) -> float | None:
        """Time that missing and running runs take, one after the other; None where no finished run says.

        A run is taken to last as long as the finished ones of its point do, or, where there are
        none, as all finished ones.
        """
        took: dict[str, list[float]] = {}
        for run in self.runs:
            if run.state == DONE and run.seconds is not None:
                took.setdefault(run.point, []).append(run.seconds)
        todo = [run for run in self.runs if run.state in (RUNNING, MISSING)]
        if todo and not took:
            return None
        every = fmean(s for of_point in took.values() for s in of_point) if took else 0.0
        means = {point: fmean(of_point) for point, of_point in took.items()}
        return sum(max(0.0, means.get(run.point, every) - _gone(run)) for run in todo)

    @property
    def seconds_left(self) -> float | None:
        """Time until the end, if as many runs go on at once as are running now; None where none is."""
        left, running = self.run_seconds_left, self.counts[RUNNING]
        return left / running if left is not None and running else None

    def facts(self) -> dict[str, Any]:
        """Return all of it as JSON types."""
        runs = [
            {"run_id": r.run_id, "point": r.point, "state": r.state, "seconds": r.seconds, "why": dict(r.why)}
            for r in self.runs
        ]
        return {
            "folder": str(self.folder),
            "complete": self.code == COMPLETE,
            "exit_code": self.code,
            **self.counts,
            "others": self.others,
            "run_seconds_left": self.run_seconds_left,
            "seconds_left": self.seconds_left,
            "runs": runs,
        }

    def text(self) -> str:
        """Say it for a person."""
        of_point: dict[str, Counter[str]] = {}
        for run in self.runs:
            of_point.setdefault(run.point, Counter())[run.state] += 1
        rows = [(point or "-", *(str(n[s] or "") for s in STATES)) for point, n in of_point.items()]
        lines = [align([("", *STATES), *rows[:MOST_LINES]])] if len(rows) > 1 else []
        if (more := len(rows) - MOST_LINES) > 0:
            lines.append(f"and {count(more, 'more point')}")
        bad = [run for run in self.runs if run.state == FAILED]
        lines += [f"failed: {r.run_id} {r.point}: {_reasons(r.why)}" for r in bad[:MOST_LINES]]
        lines += [f"and {len(bad) - MOST_LINES} more that failed"] if len(bad) > MOST_LINES else []
        counts = ", ".join(f"{n} {state}" for state, n in self.counts.items() if n or state == DONE)
        others = f"; {count(self.others, 'other result')} in the folder" if self.others else ""
        lines.append(f"{self.folder}: {count(len(self.runs), 'run')}: {counts}{others}")
        if self.code == UNFINISHED:
            lines.append(self._left())
        return "\n".join(lines)

    def _left(self) -> str:
        each, together, running = self.run_seconds_left, self.seconds_left, self.counts[RUNNING]
        if each is None:
            return "time left: not known before a run is finished"
        if together is None:
            return f"time left: about {duration(each)}, one run at a time; none is running now"
        return f"time left: about {duration(together)}, with {running} at once as now"


def _gone(run: Run) -> float:
    return run.seconds or 0.0 if run.state == RUNNING else 0.0


def _reasons(why: Mapping[str, str]) -> str:
    return "; ".join(f"{label}: {reason}" for label, reason in why.items())


def planned(folder: Path) -> dict[str, str]:
    """Read from ``sweep.json`` which runs a folder is to hold: the name of the point by run id.

    Raises
    ------
    InputError
        If there is none, or it is damaged.
    """
    path = folder / FILE
    try:
        points = json.loads(path.read_bytes())["points"]
        return {str(run): str(point["name"]) for point in points for run in point["runs"]}
    except FileNotFoundError:
        found = "not there" if not folder.exists() else f"no {FILE}"
        allowed = "the folder of a sweep; or name the config or the sweep file too: spikewhen status DIR FILE"
        raise InputError(str(folder), found, allowed) from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(str(path), str(error), f"what spikewhen sweep writes as {FILE}") from error


def status(folder: Path, plan: Mapping[str, str]) -> Status:
    """Look at what is in a folder.

    A run is done when its result file is there, which gets its name when it is whole; the file is
    not read. It is running while somebody holds its lock. It failed if `spikewhen sweep`, or a
    command with ``--shard``, noted so, and it is not running again.

    Parameters
    ----------
    folder : Path
    plan : mapping of str to str
        Of every run that is to be there, its point or config by its run id; see `planned`.
    """
    lost = {found.run_id: found.rules for found in failed.read_all(folder)} if folder.is_dir() else {}
    runs = [_look(folder / f"{run_id}.h5", point, lost.get(run_id, {})) for run_id, point in plan.items()]
    others = sum(path.stem not in plan for path in folder.glob("*.h5"))
    return Status(folder, runs, others)


def _look(path: Path, point: str, why: Mapping[str, str]) -> Run:
    if path.is_file():
        return Run(path.stem, point, DONE, {}, _took(path.with_suffix(".json")))
    if being_written(path):
        return Run(path.stem, point, RUNNING, {}, _since(path.with_suffix(".lock")))
    return Run(path.stem, point, FAILED if why else MISSING, why, None)


def _took(path: Path) -> float | None:
    try:
        return float(json.loads(path.read_bytes())["wall_seconds"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None  # it is no part of a result


def _since(lock: Path) -> float | None:
    try:
        return max(0.0, time.time() - lock.stat().st_mtime)
    except OSError:
        return None
