"""What a tuning would do: rules, spaces, search seeds, all checked before anything is written."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from spikewhen.experiments.config import Experiment, config_beside, folder_of, load_config
from spikewhen.experiments.display import count
from spikewhen.experiments.estimate import FIXED_BYTES, FIXED_S, Estimate, parts_of, size_of, total
from spikewhen.experiments.jobs import Job, estimates, make_jobs, pick_threads, totals
from spikewhen.experiments.limits import Limits, of_machine, refuse
from spikewhen.experiments.setup import prepare
from spikewhen.experiments.tables import estimated, format_seeds
from spikewhen.experiments.tuning.objective import Objective, objective_of
from spikewhen.experiments.tuning.space import Space, described, space_of
from spikewhen.experiments.tuning.spec import TuneSpec
from spikewhen.experiments.unscored import unscored
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.rules import LMS

JOURNAL = "tune.journal"
JOURNAL_BYTES = 1500.0
"""Of one candidate on one seed, as measured with three parameters."""
SPIKES = "search_seeds"
"""Folder of the recordings of the search seeds, within that of the tuning."""

LISTENER = {"none": LMS(eta=0.0, what=None, factored=False)}
"""A rule that learns nothing, on any task: a run has one, and the spikes of an open loop know of none."""


class TunedRule(NamedTuple):
    """A rule that is tuned."""

    label: str
    rule: Any  # as the config has it: the first candidate
    space: Space
    study: str  # name in the journal, by all that decides the value of a candidate
    estimate: Estimate  # of one candidate on one seed


@dataclass(frozen=True, eq=False)
class TuningPlan:
    """A tuning, checked.

    Attributes
    ----------
    name : str
    spec : TuneSpec
    folder : Path
    beside : Path
        Where a rule or a task of one's own is looked for first.
    experiment : Experiment
        With the rules that are tuned, as the config has them.
    judged : Experiment
        The same, as candidates are judged: of a run nothing is kept that its score does not need.
    objective : Objective
    rules : list of TunedRule
    jobs : list of Job
        The recordings of the search seeds; none where the loop is closed.
    """

    name: str
    spec: TuneSpec
    folder: Path
    beside: Path
    experiment: Experiment
    judged: Experiment
    objective: Objective
    rules: list[TunedRule]
    jobs: list[Job]

    @property
    def open_loop(self) -> bool:
        """Whether no spike depends on a rule."""
        return self.experiment.network.feedback_pa == 0

    @cached_property
    def recordings(self) -> dict[int, Path]:
        """The file of each search seed."""
        return {job.seed: job.path for job in self.jobs}

    @property
    def runs(self) -> int:
        """How often a rule is judged on a seed, if no candidate is given up early."""
        return self.spec.candidates * len(self.spec.search_seeds) * len(self.rules)

    def workers(self, threads: int | None, limits: Limits | None = None) -> int:
        """Return how many processes search at once; by default one for each rule, as far as cores allow.

        Raises
        ------
        InputError
        """
        limits = limits or of_machine(self.folder)
        n = pick_threads(threads, self.jobs, limits=limits) if self.jobs else (threads or 1)
        n = threads if threads is not None else min(n, len(self.rules))
        if n < 1:
            raise InputError("--threads", n, "a number >= 1")
        if (memory := self.memory(n)) > limits.memory_bytes:
            refuse("memory", memory, limits.memory_bytes, f"for {n} searches at once; lower --threads")
        return n

    def memory(self, workers: int) -> float:
        """Return the bytes that some workers need."""
        return FIXED_BYTES + workers * max(r.estimate.memory_bytes - FIXED_BYTES for r in self.rules)

    def disk(self) -> float:
        """Return the bytes that are still to be written, recordings included."""
        recordings = sum(job.estimate.disk_bytes for job in self.jobs if not job.finished)
        return recordings + JOURNAL_BYTES * self.runs

    def seconds(self, workers: int) -> float:
        """Return how long the search takes, without the recordings, if nothing is given up early."""
        every = list(map(self.seconds_of, self.rules))
        at_once = min(workers, len(every))
        return max(sum(every) / at_once, max(every)) if workers <= len(every) else sum(every) / workers

    def seconds_of(self, rule: TunedRule) -> float:
        """Return the same of one rule."""
        each = self.spec.candidates * len(self.spec.search_seeds)
        return each * max(0.0, rule.estimate.seconds - FIXED_S)

    def describe(self, workers: int) -> str:
        """Say what would be done, for a person."""
        spec = self.spec
        lines = [f"{self.name}: {self.objective}"]
        for rule in self.rules:
            lines.append(
                f"{rule.label}: {count(spec.candidates, 'candidate')}; {', '.join(described(rule.space))}"
            )
        lines.append(
            f"search seeds {format_seeds(spec.search_seeds)}; kept for the report: "
            f"{format_seeds(spec.seeds_of_report)}"
        )
        if self.jobs:
            lines += ["recordings of the search seeds: " + totals(self.jobs, workers)[0]]
            lines += [f"  {line}" for line in totals(self.jobs, workers)[1:]]
        how = "trainings on these spikes" if self.jobs else "simulations, since the loop is closed"
        lines.append(f"at most {self.runs} {how}, {workers} at once")
        lines.append(f"  {estimated(self.seconds(workers), JOURNAL_BYTES * self.runs, self.memory(workers))}")
        return "\n".join(lines)

    def estimates(self, workers: int) -> dict[str, Any]:
        """Say what would be done, for a program."""
        return {
            **self.facts(),
            "recordings": estimates(self.jobs, workers)["runs"],
            "trainings": self.runs,
            "estimate": {
                "seconds": round(self.seconds(workers), 1),
                "memory_bytes": round(self.memory(workers)),
                "disk_bytes": round(self.disk()),
            },
        }

    def facts(self) -> dict[str, Any]:
        """Return what was asked for, as ``tune.json`` holds it."""
        spec = self.spec
        return {
            "name": self.name,
            "config": spec.config,
            "set": spec.set,
            "rules": [rule.label for rule in self.rules],
            "seeds": list(spec.search_seeds),
            "report_seeds": list(spec.seeds_of_report),
            "candidates": spec.candidates,
            "score": self.objective.score,
            "better": "lower" if self.objective.lower else "higher",
            "at": self.objective.at,
            "prune": spec.prune,
            "sampler": spec.sampler,
            "sampler_seed": spec.sampler_seed,
            "space": {rule.label: plain(rule.space) for rule in self.rules},
        }


def plain(space: Space) -> dict[str, Any]:
    """Return a space in JSON types."""
    return {path: axis if isinstance(axis, list) else axis.model_dump() for path, axis in space.items()}


def plan_tuning(
    name: str, spec: TuneSpec, folder: Path, beside: Path | None = None, limits: Limits | None = None
) -> TuningPlan:
    """Check a tuning, before anything is written.

    Parameters
    ----------
    name : str
    spec : TuneSpec
    folder : Path
        Of everything that is written.
    beside : Path, optional
        Where the config is looked for first.
    limits : Limits, optional
        What one run may take.

    Raises
    ------
    InputError
    """
    spec = spec.on_its_task()
    config = config_beside(spec.config, beside)
    own = folder_of(config)
    experiment = load_config(config, values=spec.set)
    if spec.rules:
        experiment = experiment.with_rules(spec.rules, "rules", own)
    if lost := [label for label in spec.space if label not in experiment.rules]:
        raise InputError(
            f"space.{lost[0]}", "a space", f"one of a rule that is tuned: {', '.join(experiment.rules)}"
        )
    experiment.record.refuse_states()
    objective = objective_of(spec, experiment.paradigm)
    seeds, closed = spec.search_seeds, experiment.network.feedback_pa > 0
    judged = replace(experiment, record=replace(experiment.record, spikes="none", geometry=False))
    rules = []
    for label, rule in experiment.rules.items():
        space = space_of(label, rule, spec.space.get(label))
        alone = replace(judged, rules={label: rule})
        setup = prepare(alone, seeds[0], limits=limits)
        if why := unscored(setup):
            raise InputError("paradigm", experiment.paradigm.name, f"a task to tune rules on: {why}")
        cost = total(parts_of(alone, setup.grid, size_of(setup.session), simulate=closed))
        rules.append(TunedRule(label, rule, space, _study(label, alone, space, spec, objective), cost))
    jobs = []
    if not closed:
        record = replace(experiment.record, spikes="all", geometry=False, trials=False)
        jobs = make_jobs(
            name, replace(experiment, rules=LISTENER, record=record), seeds, folder / SPIKES, limits
        )
    return TuningPlan(name, spec, folder, own, experiment, judged, objective, rules, jobs)


def _study(label: str, alone: Experiment, space: Space, spec: TuneSpec, objective: Objective) -> str:
    """Return the name of a search: whatever decides a value in it gives it another."""
    decides = {
        "config": alone.resolved(0),
        "space": plain(space),
        "seeds": list(spec.search_seeds),
        "objective": list(objective),
        "prune": spec.prune,
        "sampler": [spec.sampler, spec.sampler_seed],
    }
    return f"{label}-{hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]}"
