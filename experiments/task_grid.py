"""Rules on several tasks: each tuned alike on each task, then compared on seeds that no search has seen."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from spikewhen.analysis.bands import csv_text
from spikewhen.analysis.figures import draw_one, task_grid
from spikewhen.analysis.score_names import heading
from spikewhen.analysis.statistics import (
    Effect,
    Interval,
    Paired,
    differences,
    effect_size,
    holm,
    mean_interval,
    paired_difference,
)
from spikewhen.experiments.comparison import Comparison
from spikewhen.experiments.config import CONFIGS
from spikewhen.experiments.engines import LOCAL, Engine
from spikewhen.experiments.limits import Limits
from spikewhen.experiments.results import refuse_failures
from spikewhen.experiments.tables import Table, interval, number
from spikewhen.experiments.tuning.objective import Objective
from spikewhen.experiments.tuning.plan import TuningPlan, plan_tuning
from spikewhen.experiments.tuning.spec import TuneSpec
from spikewhen.experiments.tuning.winners import read_winners
from spikewhen.reservoir.errors import InputError, nearest
from spikewhen.reservoir.files.integrity import write_whole


class GridPlan(NamedTuple):
    """Rules to be tuned and compared on several tasks."""

    folder: Path
    tunings: dict[str, TuningPlan]  # by the name of the config

    def describe(self, threads: int | None) -> str:
        """Say what would be done, for a person."""
        parts = [plan.describe(plan.workers(threads)) for plan in self.tunings.values()]
        first = next(iter(self.tunings.values()))
        runs = len(first.spec.seeds_of_report) * len(self.tunings)
        return "\n\n".join([*parts, f"then {runs} runs on the seeds of the report, each with all rules"])

    def estimates(self, threads: int | None) -> dict[str, Any]:
        """Say what would be done, for a program."""
        return {name: plan.estimates(plan.workers(threads)) for name, plan in self.tunings.items()}

    def carry_out(
        self, threads: int | None = None, *, fail_fast: bool = False, engine: Engine = LOCAL
    ) -> TaskGrid:
        """Tune every rule on every task, and compare the winners."""
        from spikewhen.experiments.tuning.tune import carry_out_tuning

        tasks = []
        for name, tuning in self.tunings.items():
            found = carry_out_tuning(tuning, tuning.workers(threads), engine=engine)
            if found.elsewhere:
                raise InputError(name, "not finished", "a tuning that no other process is at work on")
            winners = read_winners(tuning.folder)
            comparison = winners.compare(threads, fail_fast=fail_fast, engine=engine)
            comparison.save(winners.folder)
            labels = [rule.label for rule in tuning.rules]
            tasks.append(OneTask(name, tuning.objective, labels, comparison))
        return TaskGrid(self.folder, tasks, next(iter(self.tunings.values())).spec)


def plan_grid(
    configs: Sequence[str], labels: Sequence[str], spec: TuneSpec, folder: Path, limits: Limits | None = None
) -> GridPlan:
    """Check the tuning of some rules on some tasks.

    Parameters
    ----------
    configs : sequence of str
        A task each.
    labels : sequence of str
        Rules that every config has, or dotted paths.
    spec : TuneSpec
        Budget, seeds and spaces, the same for every task, and what differs on one of them (`tasks`);
        its config and rules are replaced.
    folder : Path
        Each task gets a folder in it.
    limits : Limits, optional

    Raises
    ------
    InputError
        Naming the task.
    """
    tunings: dict[str, TuningPlan] = {}
    known = {Path(c).stem for c in configs} | {c.stem for c in CONFIGS.glob("*.toml")}
    if unknown := sorted(set(spec.tasks) - known):
        raise InputError(
            f"tasks.{unknown[0]}", "a table", f"the name of a config{nearest(unknown[0], known)}"
        )
    for config in configs:
        name = Path(config).stem
        if name in tunings:
            raise InputError("--tasks", config, "configs with different names")
        own = spec.model_copy(update={"config": config, "rules": list(labels)})
        try:
            tunings[name] = plan_tuning(name, own, folder / name, None, limits)
        except InputError as error:
            if error.where.startswith("planned "):
                raise
            where = error.where if config in error.where else f"{config}: {error.where}"
            raise InputError(where, error.value, error.allowed) from error
    return GridPlan(folder, tunings)


class Row(NamedTuple):
    """One rule on one task; differences are to the first rule, which has none."""

    task: str
    rule: str
    heading: str
    value: Interval
    paired: Paired | None
    effect: Effect | None
    p_holm: float
    update_us: float


@dataclass(frozen=True, eq=False)
class OneTask:
    """What was found on one task."""

    name: str
    objective: Objective
    labels: list[str]
    comparison: Comparison

    @cached_property
    def values(self) -> dict[str, np.ndarray]:
        """The score of every rule, seed by seed; NaN where a run failed."""
        seeds = sorted({run.seed for run in self.comparison.runs})
        found = {label: np.full(len(seeds), np.nan) for label in self.labels}
        for run in self.comparison.runs:
            for label, scores in run.scores.items():
                if label in found and scores:
                    found[label][seeds.index(run.seed)] = self.objective.of_scores(scores)
        return found


@dataclass(frozen=True, eq=False)
class TaskGrid:
    """Rules on tasks, each tuned alike.

    Attributes
    ----------
    folder : Path
    tasks : list of OneTask
    spec : TuneSpec
        What was the same for every task.
    """

    folder: Path
    tasks: list[OneTask]
    spec: TuneSpec

    @cached_property
    def rows(self) -> list[Row]:
        """A row per task and rule; p corrected by Holm over all of them."""
        found = []
        for task in self.tasks:
            first = task.values[task.labels[0]]
            for label in task.labels:
                mine, cost = task.values[label], task.comparison.costs.get(label)
                other = label != task.labels[0]
                paired = paired_difference(mine, first) if other else None
                effect = effect_size(differences(mine, first)) if other else None
                us = cost.ns_per_step / 1000 if cost else math.nan
                name = heading(task.objective.score)
                found.append(Row(task.name, label, name, mean_interval(mine), paired, effect, math.nan, us))
        corrected = holm([math.nan if row.paired is None else row.paired.p for row in found]).tolist()
        return [row._replace(p_holm=p) for row, p in zip(found, corrected, strict=True)]

    def table(self) -> Table:
        """Return the rows for people."""
        rows = []
        for r in self.rows:
            difference, d_z, p = "-", "-", "-"
            if r.paired is not None and r.effect is not None:
                difference = interval(r.paired.mean, r.paired.low, r.paired.high)
                d_z, p = number(r.effect.d_z, "{:.2g}"), number(r.p_holm, "{:.2g}")
            value = interval(r.value.mean, r.value.low, r.value.high)
            rows.append(
                [r.task, r.rule, r.heading, value, str(r.value.n), difference, d_z, p, number(r.update_us)]
            )
        head = ["task", "rule", "score", "mean", "seeds", "difference", "d_z", "p (Holm)", "update, us"]
        return Table(head, rows)

    def text(self) -> str:
        """Return the table with what it says, for a terminal."""
        return f"{self.table().text(110)}\n\n{self._note()}"

    def _note(self) -> str:
        first = self.tasks[0].labels[0]
        lost = [f"{t.name}: {failure}" for t in self.tasks for failure in t.comparison.failures]
        note = (
            f"{self.spec.candidates} candidates of each rule on each task. Differences are to {first}, "
            f"paired by seed; Holm's correction is over all {len(self.rows) - len(self.tasks)} of them."
        )
        return "\n".join([note, *lost])

    def csv(self) -> str:
        """Return the score of every task, rule and seed as the text of a CSV file."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("task", "rule", "score", "seed", "value"))
        for task in self.tasks:
            seeds = sorted({run.seed for run in task.comparison.runs})
            for label, values in task.values.items():
                for seed, value in zip(seeds, values.tolist(), strict=True):
                    cells = csv_text(task.name), csv_text(label), task.objective.score, seed
                    writer.writerow((*cells, "" if math.isnan(value) else repr(value)))
        return out.getvalue()

    def json(self) -> str:
        """Return the rows as the text of a JSON file."""
        found = [
            {
                key: part._asdict() if isinstance(part, Interval | Paired | Effect) else part
                for key, part in row._asdict().items()
            }
            for row in self.rows
        ]
        return json.dumps({"candidates": self.spec.candidates, "rows": _finite(found)}, indent=1) + "\n"

    def save(self, formats: tuple[str, ...] = ("pdf", "png")) -> list[Path]:
        """Write ``grid.md``, ``grid.csv``, ``grid.json`` and the figure, and return their paths."""
        texts = {"grid.csv": self.csv(), "grid.md": self.markdown(), "grid.json": self.json()}
        written = [write_whole(self.folder / name, text) for name, text in texts.items()]
        panels = [
            task_grid.TaskPanel(
                task.name,
                heading(task.objective.score),
                task.objective.lower,
                task.values,
                {label: cost.ns_per_step / 1000 for label, cost in task.comparison.costs.items()},
            )
            for task in self.tasks
        ]
        source = task_grid.TaskGrid(panels, self.spec.candidates)
        runs = sorted({run.run_id for task in self.tasks for run in task.comparison.runs})
        origin = {"Runs": " ".join(runs), "Commit": _commit(), "Config hash": ""}
        return written + draw_one(self.folder / "figures", "grid", task_grid, source, formats, origin)

    def markdown(self) -> str:
        """Return the table as Markdown."""
        return f"# Rules on tasks\n\n{self.table().markdown()}\n{self._note()}\n"

    def refuse_failures(self) -> None:
        """End a command in which runs failed, after everything else is written.

        Raises
        ------
        RunError
        """
        refuse_failures([run for task in self.tasks for run in task.comparison.runs])


def _commit() -> str:
    from spikewhen.experiments.provenance import software

    return software()["commit"]


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
