"""The search itself: each candidate is judged seed by seed, and given up early where others did better."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from optuna.trial import Trial, TrialState

from spikewhen.experiments.estimate import Estimate
from spikewhen.experiments.result import Result
from spikewhen.experiments.run import run
from spikewhen.experiments.train import train
from spikewhen.experiments.tuning.plan import TunedRule, TuningPlan
from spikewhen.experiments.tuning.space import changed, suggest
from spikewhen.experiments.tuning.study import begin, give_up_dead, open_study, place_of
from spikewhen.reservoir.engine import Backend
from spikewhen.reservoir.errors import ActivityError

Tick = Callable[[int], None]


@dataclass(frozen=True)
class SearchTask:
    """The search of one rule, by one process."""

    plan: TuningPlan
    label: str
    worker: int = 0
    take_over: bool = False
    command: str = ""  # a name for the call of the command
    alone: bool = True  # whether that call has no other process at this rule

    @property
    def rule(self) -> TunedRule:
        """What is tuned."""
        return next(rule for rule in self.plan.rules if rule.label == self.label)

    @property
    def path(self) -> Path:
        """A name for what a process would leave; a search leaves nothing but its journal."""
        return self.plan.folder / f"{self.rule.study}.search"

    @property
    def steps(self) -> int:
        """Candidates times seeds."""
        return self.plan.spec.candidates * len(self.plan.spec.search_seeds) if self.worker == 0 else 0

    @property
    def estimate(self) -> Estimate:
        """What the search of the rule costs, recordings apart."""
        each = self.rule.estimate
        return each._replace(seconds=self.plan.seconds_of(self.rule), disk_bytes=0.0)

    def __str__(self) -> str:
        return f"{self.plan.name} ({self.label})"


def search(backend: str, place: Backend, threads: int, task: SearchTask, tick: Tick) -> int:
    """Judge candidates of a rule until there are as many as were asked for; returns how many it did."""
    plan, rule = task.plan, task.rule
    study = open_study(plan, rule)
    if task.worker == 0:
        give_up_dead(study, task.take_over, task.command if task.alone else "")
    done = 0
    while (trial := begin(study, plan.spec.candidates, task.command)) is not None:
        try:
            state, value = judge(plan, rule, trial, place_of(study, trial.number) == 0, tick)
        except BaseException:
            study.tell(trial, state=TrialState.FAIL)
            raise
        study.tell(trial, value if state == TrialState.COMPLETE else None, state)
        done += 1
    return done


def judge(
    plan: TuningPlan, rule: TunedRule, trial: Trial, first: bool, tick: Tick
) -> tuple[TrialState, float]:
    """Judge a candidate on one seed after another.

    Parameters
    ----------
    plan : TuningPlan
    rule : TunedRule
    trial : optuna.Trial
    first : bool
        Whether it is the config's own, which is never given up: the winner is compared with it.
    tick : callable
    """
    candidate = changed(rule.rule, suggest(trial, rule.space))
    seeds, values = plan.spec.search_seeds, {}
    for i, seed in enumerate(seeds):
        try:
            value = plan.objective.of(outcome(plan, rule.label, candidate, seed), rule.label)
            note = "" if math.isfinite(value) else f"{plan.objective.score} is {value} with seed {seed}"
        except ActivityError as error:
            note = f"seed {seed}: {error}"
        tick(1)
        if note:
            trial.set_user_attr("failed", note)
            return _given_up(seeds, i, tick)
        values[str(seed)] = value
        trial.set_user_attr("seeds", values)
        trial.report(float(np.mean(list(values.values()))), i)
        if i + 1 < len(seeds) and not first and trial.should_prune():
            return _given_up(seeds, i, tick)
    return TrialState.COMPLETE, float(np.mean(list(values.values())))


def _given_up(seeds: tuple[int, ...], i: int, tick: Tick) -> tuple[TrialState, float]:
    tick(len(seeds) - i - 1)
    return TrialState.PRUNED, math.nan


def outcome(plan: TuningPlan, label: str, candidate: Any, seed: int) -> Result:
    """Return what a candidate learns with one seed: on its spikes, or in a simulation of its own."""
    experiment = replace(plan.judged, rules={label: candidate})
    if plan.open_loop:
        return train(plan.recordings[seed], experiment, progress=False)
    return run(experiment, seed, progress=False)
