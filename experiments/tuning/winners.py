"""The winners of a tuning, to be compared on the seeds that were kept for the report."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from spikewhen.experiments.compare import plan_comparison
from spikewhen.experiments.comparison import Comparison
from spikewhen.experiments.config import Experiment, load_config
from spikewhen.experiments.display import count
from spikewhen.experiments.engines import LOCAL, Engine
from spikewhen.experiments.jobs import pick_threads
from spikewhen.experiments.limits import BOUNDLESS
from spikewhen.experiments.setup import prepare
from spikewhen.experiments.tables import format_seeds
from spikewhen.experiments.tuning.spec import refuse_meeting
from spikewhen.experiments.update_cost import update_costs
from spikewhen.reservoir.errors import InputError

FILE, TUNED = "tune.json", "tuned.toml"
REPORT = "report"
"""Folder of the runs of the comparison, within that of the tuning."""


class Winners(NamedTuple):
    """What a folder of `spikewhen tune` holds."""

    name: str
    experiment: Experiment
    seeds: tuple[int, ...]  # to report on
    folder: Path  # of their runs
    beside: Path  # of rules and tasks of one's own
    origin: str  # a sentence on how they were found

    def compare(
        self, threads: int | None = 1, *, fail_fast: bool = False, engine: Engine = LOCAL
    ) -> Comparison:
        """Compare the winners on the seeds of the report; what is there already is not simulated again."""
        plan = plan_comparison(self.name, self.experiment, None, self.seeds, self.folder, self.beside)
        at_once = pick_threads(threads, plan.jobs)
        comparison = plan.carry_out("cpu", at_once, fail_fast=fail_fast, engine=engine)
        self.describe(comparison)
        return comparison

    def describe(self, comparison: Comparison) -> None:
        """Let a comparison say how its rules were tuned, and what their updates cost on this machine."""
        costs = update_costs(prepare(self.experiment, self.seeds[0], limits=BOUNDLESS))
        comparison.costs = {label: costs[label] for label in comparison.rules}
        comparison.origin = f"{self.origin} {comparison.origin}"


def read_winners(
    place: str | Path, seeds: Iterable[int] | None = None, overrides: tuple[str, ...] = ()
) -> Winners:
    """Read the winners of a tuning.

    Parameters
    ----------
    place : str or Path
        A folder that `spikewhen tune` has written.
    seeds : iterable of int, optional
        In place of those that were kept for the report.
    overrides : tuple of str
        Changes to the config of the winners.

    Raises
    ------
    InputError
        If the folder holds no finished tuning, or the search has seen a seed.
    """
    folder = Path(place)
    try:
        facts: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
        search, kept = tuple(facts["seeds"]), tuple(facts["report_seeds"])
        name, beside, candidates = facts["name"], folder / facts["beside"], facts["candidates"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "--tuned", str(place), f"a folder that spikewhen tune has finished, with {FILE}"
        ) from error
    chosen = kept if seeds is None else tuple(seeds)
    refuse_meeting(search, chosen, "--seeds")
    experiment = load_config(folder / TUNED, overrides, beside=beside)
    origin = (
        f"Each rule is the best of {count(candidates, 'candidate')}, chosen on the seeds "
        f"{format_seeds(search)} (methods.md)."
    )
    return Winners(name, experiment, chosen, folder / REPORT, beside, origin)
