"""A sweep: one experiment at many settings. Every point is a plain run, so nothing finished is repeated."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from spikewhen.experiments import failed
from spikewhen.experiments.axes import Point, SweepSpec, find_sweep, load_sweep, points
from spikewhen.experiments.batch import carry_out
from spikewhen.experiments.config import config_beside, folder_of, load_config
from spikewhen.experiments.display import count
from spikewhen.experiments.engines import LOCAL, Engine
from spikewhen.experiments.jobs import Job, estimates, make_jobs, pick_threads, totals
from spikewhen.experiments.limits import Limits
from spikewhen.experiments.long_form import table, to_xarray
from spikewhen.experiments.results import RunSummary, cell, failures, refuse_failures
from spikewhen.experiments.shards import Shard
from spikewhen.experiments.tables import Table, format_seeds, parse_seeds
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.integrity import write_whole

FILE = "sweep.json"
MOST_LINES = 40
"""Of points in a dry run, before the rest is only counted."""


def sweep(
    source: str | Path | Mapping[str, Any],
    *,
    grid: Mapping[str, Sequence] | None = None,
    zip: Mapping[str, Sequence] | None = None,
    random: Mapping[str, Any] | None = None,
    latin: Mapping[str, Any] | None = None,
    set: Mapping[str, Any] | None = None,
    seeds: str | Iterable[int] | None = None,
    rules: Sequence[str] = (),
    drop: Sequence[str] | None = None,
    out: str | Path | None = None,
    backend: str = "cpu",
    threads: int = 1,
) -> SweepResult:
    """Run an experiment at many settings; what `out` holds already is not repeated.

    >>> import spikewhen as sw
    >>> found = sw.sweep("meet.toml", grid={"network.weight": [4.0, 8.0]}, seeds="0-4")
    >>> found.table()

    Parameters
    ----------
    source : str, path or mapping
        A config or its name, where axes are given here; else a sweep file or its content.
    grid, zip, set : mapping, optional
        Dotted paths and values, as in a sweep file (docs/sweeps.md).
    random, latin : mapping, optional
        ``{"n": 20, "seed": 0, "rules.local.eta": {"low": 0.001, "high": 0.1, "log": True}}``.
    seeds : str or iterable of int, optional
        By default those of the file, or 0.
    rules : sequence of str
        Labels; all by default.
    drop : sequence of str, optional
        What goes of each run once it is scored; by default all parts that neither `set` nor an axis
        asks for: spikes, trials, cells, probes. ``[]`` keeps all.
    out : path, optional
        By default ``results/`` and the name of the file.
    backend : {"cpu", "gpu"}
    threads : int
        Runs at once. More than 1 starts processes: then a script needs
        ``if __name__ == "__main__":`` around what it does.

    Returns
    -------
    SweepResult
        With the runs that went well; what failed is in its `failures` and in its table.

    Raises
    ------
    InputError
    """
    axes = {"grid": grid, "zip": zip, "random": random, "latin": latin}
    given = {name: dict(axis) for name, axis in axes.items() if axis}
    if given and not isinstance(source, Mapping):
        spec = load_sweep({"config": str(source), **given, "set": dict(set or {}), "rules": list(rules)})
        name = Path(source).stem
    else:
        spec = load_sweep(source)
        if given or set or rules:
            raise InputError("sweep", str(source), "axes, set and rules either here or in the file")
        name = "sweep" if isinstance(source, Mapping) else Path(source).stem
    spec = spec.dropping(drop)
    if seeds is not None:
        spec = spec.model_copy(update={"seeds": seeds if isinstance(seeds, str) else list(seeds)})
    beside = None if isinstance(source, Mapping) or given else find_sweep(source).parent
    plan = plan_sweep(name, spec, Path(out or Path("results") / name), beside)
    threads = pick_threads(threads, plan.jobs, backend)
    plan.write()
    return plan.carry_out(backend, threads)


class SweepPlan(NamedTuple):
    """The runs of a sweep."""

    name: str
    spec: SweepSpec
    folder: Path
    points: list[Point]
    of_point: list[list[Job]]  # the runs of each point

    @property
    def jobs(self) -> list[Job]:
        """All runs, point by point."""
        return [job for jobs in self.of_point for job in jobs]

    @property
    def seeds(self) -> list[int]:
        """The seeds of every point."""
        return list(dict.fromkeys(job.seed for job in self.jobs))

    def describe(self, threads: int) -> str:
        """Say what would be done, for a person."""
        lines = [
            f"{sum(not job.finished for job in jobs)} of {count(len(jobs), 'run')} to do: {point.name}"
            for point, jobs in zip(self.points[:MOST_LINES], self.of_point, strict=False)
        ]
        if more := len(self.points) - len(lines):
            lines.append(f"and {count(more, 'more point')}")
        head = f"{count(len(self.points), 'point')}, {count(len(self.seeds), 'seed')}"
        what = ", ".join(dict.fromkeys(part for job in self.jobs for part in job.drop))
        gone = [f"dropped of each run once it is scored: {what} (--drop none keeps them)"] if what else []
        lines += [f"{head} ({format_seeds(self.seeds)})", *gone]
        return "\n".join([*lines, *totals(self.jobs, threads)])

    def estimates(self, threads: int) -> dict[str, Any]:
        """Say what would be done, for a program."""
        return {**self.facts(), **estimates(self.jobs, threads)}

    def facts(self) -> dict[str, Any]:
        """Return the points with their values and runs, as ``sweep.json`` holds them."""
        return {
            "name": self.name,
            "config": self.spec.config,
            "seeds": self.seeds,
            "points": [
                {"name": point.name, "values": point.values, "runs": [job.run_id for job in jobs]}
                for point, jobs in zip(self.points, self.of_point, strict=True)
            ],
        }

    def part(self, shard: Shard) -> SweepPlan:
        """Return the points and runs of one part of the sweep."""
        mine = {job.path for job in shard.of(self.jobs)}
        left = [[job for job in jobs if job.path in mine] for jobs in self.of_point]
        there = [(point, jobs) for point, jobs in zip(self.points, left, strict=True) if jobs]
        return self._replace(points=[point for point, _ in there], of_point=[jobs for _, jobs in there])

    def write(self) -> None:
        """Write ``sweep.json``, from which `spikewhen status` knows what is to be there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / FILE, json.dumps(self.facts(), indent=1, allow_nan=False) + "\n")

    def carry_out(
        self, backend: str = "cpu", threads: int = 1, *, fail_fast: bool = False, engine: Engine = LOCAL
    ) -> SweepResult:
        """Do what is to be done; a run that fails is noted beside the others, which go on."""
        jobs = self.jobs
        results = carry_out(jobs, backend, threads, fail_fast=fail_fast, engine=engine)
        for job, result in zip(jobs, results, strict=True):
            failed.note(job, result.failed)
        rest = iter(results)
        return SweepResult(self.folder, self.points, [[next(rest) for _ in jobs] for jobs in self.of_point])


def plan_sweep(
    name: str, spec: SweepSpec, folder: Path, beside: Path | None = None, limits: Limits | None = None
) -> SweepPlan:
    """List and check the runs of a sweep, before anything is written.

    Parameters
    ----------
    name : str
    spec : SweepSpec
    folder : Path
        Of the result files.
    beside : Path, optional
        Where the config is looked for first.
    limits : Limits, optional
        What one run may take.

    Raises
    ------
    InputError
        Naming the point that cannot be run, or two points that are one and the same run.
    """
    config = config_beside(spec.config, beside)
    seeds = parse_seeds(spec.seeds) if isinstance(spec.seeds, str) else tuple(spec.seeds)
    every = points(spec)
    known: dict[tuple[str, ...], Point] = {}
    of_point = []
    for point in every:
        try:
            experiment = load_config(config, values={**spec.set, **point.values})
            if spec.rules:
                experiment = experiment.with_rules(spec.rules, "rules", folder_of(config))
            if lost := _without_effect(point, list(experiment.rules)):
                raise InputError(lost, "an axis", f"a rule that runs: {', '.join(experiment.rules)}")
            called = f"{name}: {point.name}" if point.name else name
            jobs = [j.dropping(spec.dropped) for j in make_jobs(called, experiment, seeds, folder, limits)]
        except InputError as error:
            if not point.name or error.where.startswith("planned "):
                raise
            raise InputError(f"{point.name}: {error.where}", error.value, error.allowed) from error
        other = known.setdefault(tuple(job.run_id for job in jobs), point)
        if other is not point:
            raise InputError(point.name, f"the same runs as {other.name}", "points that differ")
        of_point.append(jobs)
    return SweepPlan(name, spec, folder, every, of_point)


def _without_effect(point: Point, labels: Sequence[str]) -> str:
    """Return an axis that is of a rule which does not run."""
    for path in point.values:
        part = path.split(".")
        if part[0] == "rules" and len(part) > 1 and part[1] not in labels:
            return path
    return ""


@dataclass(frozen=True)
class SweepResult:
    """What a sweep found.

    Attributes
    ----------
    folder : Path
    points : list of Point
    runs : list of list of RunSummary
        Of each point; a run that failed has no labels.
    """

    folder: Path
    points: list[Point]
    runs: list[list[RunSummary]]

    @property
    def failures(self) -> dict[str, list[str]]:
        """What failed, by the name of the point."""
        of_point = zip(self.points, self.runs, strict=True)
        return {p.name: list(map(str, found)) for p, runs in of_point if (found := failures(runs))}

    def overview(self) -> Table:
        """Return the score that the task is judged by at the end of each run, a row per point and rule."""
        from spikewhen.analysis.score_names import heading
        from spikewhen.analysis.summary import summarise

        main = next((run.main for runs in self.runs for run in runs if run.labels), "error")
        rows = []
        for point, runs in zip(self.points, self.runs, strict=True):
            summary = summarise({run.run_id: run.scores for run in runs if any(run.scores.values())}, main)
            for label in dict.fromkeys(label for run in runs for label in (*run.scores, *run.failed)):
                entry = summary.get(label, {"blocks": [], "run": {}, "runs": []})
                last = (entry["blocks"] or [entry["run"]])[-1]
                lost = sum(label in run.failed for run in runs)
                numbers = cell(last.get(main), with_interval=True), str(len(entry["runs"])), str(lost or "")
                rows.append([point.name or "-", label, *numbers])
        return Table(["point", "rule", f"{heading(main)} at the end", "seeds", "failed"], rows)

    def table(self, scores: Sequence[str] = ()) -> Any:
        """Return every score of every run in the folder, as `spikewhen.table` does."""
        return table(self.folder, scores)

    def to_xarray(self, scores: Sequence[str] = ()) -> Any:
        """Return the scores on the grid of the axes, see `spikewhen.experiments.long_form.to_xarray`."""
        return to_xarray(self.table(scores))

    def refuse_failures(self) -> None:
        """End a command in which runs failed, after everything else is written.

        Raises
        ------
        RunError
        """
        refuse_failures([run for runs in self.runs for run in runs])

    def __repr__(self) -> str:
        return f"<sweep of {count(len(self.points), 'point')} in {self.folder}>\n{self.overview().text()}"

    def _repr_html_(self) -> str:
        return f"<h4>{html.escape(str(self.folder))}</h4>{self.overview().html()}"
