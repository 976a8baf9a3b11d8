"""One rule's search as an Optuna study in a journal, which several processes and machines may share.

A candidate's place is its number without those that were begun and not finished. What is drawn for a
place depends on the sampler's seed, the place, and the candidates before it. So a search that was
interrupted goes on as if it had not been, and one worker always finds the same.
"""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from spikewhen.experiments.axes import Range
from spikewhen.experiments.tuning.plan import JOURNAL, TunedRule, TuningPlan
from spikewhen.experiments.tuning.space import readable, start
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.locks import alive

try:
    import optuna
except ImportError as error:
    raise InputError("optuna", "not installed", "pip install 'spikewhen[tune]'") from error

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

optuna.logging.set_verbosity(optuna.logging.WARNING)

RANDOM_FIRST = 10
"""Candidates before the model of the sampler (TPE) counts."""
MEDIAN_OF = 5
"""Candidates with all seeds before one is given up."""

OVER = (TrialState.COMPLETE, TrialState.PRUNED)


class Candidate(NamedTuple):
    """One candidate of a rule."""

    place: int  # 0 has the values of the config
    state: str  # complete, pruned, failed
    values: dict[str, Any]  # by dotted path in the rule
    value: float | None  # of all seeds
    seeds: dict[int, float]  # of each
    note: str  # why it failed


def open_study(plan: TuningPlan, rule: TunedRule) -> optuna.Study:
    """Open or begin the search of a rule."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
    if plan.spec.prune:
        pruner = optuna.pruners.MedianPruner(n_startup_trials=MEDIAN_OF)
    return optuna.create_study(
        storage=storage(plan.folder),
        sampler=ByPlace(plan, rule),
        pruner=pruner,
        study_name=rule.study,
        direction=plan.objective.direction,
        load_if_exists=True,
    )


def storage(folder: Path) -> JournalStorage:
    """Return the journal of a folder."""
    return JournalStorage(JournalFileBackend(str(folder / JOURNAL)))


def standing(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Leave out what was begun and not finished; the others have their place."""
    return sorted((t for t in trials if t.state != TrialState.FAIL), key=lambda t: t.number)


def place_of(study: optuna.Study, number: int) -> int:
    """Return the place of a trial among those that stand."""
    return sum(trial.number < number for trial in standing(study.get_trials(deepcopy=False)))


class ByPlace(BaseSampler):
    """Draws by place: the values of the config first, then the sampler's with a seed of the place."""

    def __init__(self, plan: TuningPlan, rule: TunedRule):
        self._kind, self._seed = plan.spec.sampler, plan.spec.sampler_seed
        self._start, self._space = start(rule.rule, rule.space), rule.space
        self._inner: BaseSampler | None = None

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Begin anew with the seed of the trial's place."""
        place = place_of(study, trial.number)
        seed = int(np.random.SeedSequence([self._seed, place]).generate_state(1)[0])
        self._inner = None if place == 0 else self._made(seed)

    def _made(self, seed: int) -> BaseSampler:
        if self._kind == "random":
            return RandomSampler(seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return TPESampler(n_startup_trials=RANDOM_FIRST, multivariate=True, constant_liar=True, seed=seed)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return what is drawn together."""
        return {} if self._inner is None else self._inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw values together."""
        if self._inner is None:
            return {}
        drawn = self._inner.sample_relative(study, trial, search_space)
        return {path: self._readable(path, value) for path, value in drawn.items()}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one value."""
        if self._inner is None:
            return self._start[param_name]
        return self._readable(
            param_name, self._inner.sample_independent(study, trial, param_name, param_distribution)
        )

    def _readable(self, path: str, value: Any) -> Any:
        axis = self._space[path]
        return readable(value, axis.low, axis.high) if isinstance(axis, Range) else value


def begin(study: optuna.Study, candidates: int, command: str = "") -> Trial | None:
    """Begin the next candidate, unless as many are there or under way; it is marked as this process's."""
    if len(standing(study.get_trials(deepcopy=False))) >= candidates:
        return None
    trial = study.ask()
    if place_of(study, trial.number) >= candidates:  # another process was quicker
        study.tell(trial, state=TrialState.FAIL)
        return None
    trial.set_user_attr("by", [socket.gethostname(), os.getpid(), command])
    return trial


def give_up_dead(study: optuna.Study, everywhere: bool = False, command: str = "") -> None:
    """Give up candidates whose process ended, so that they are begun again.

    Parameters
    ----------
    study : optuna.Study
    everywhere : bool
        Also those of other machines, of which it cannot be known.
    command : str, optional
        The call that this process is the only one of at this rule: an earlier one was ended, as
        a queue ends what takes too long.
    """
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        host, process, call = trial.user_attrs.get("by", ["", 0, ""])
        dead = host == socket.gethostname() and not alive(process)
        if everywhere or dead or (command and call == command):
            study.tell(trial.number, state=TrialState.FAIL)


def under_way(study: optuna.Study) -> list[str]:
    """Name the processes that are still at a candidate."""
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return [
        "process {1} on {0}".format(*t.user_attrs["by"]) if "by" in t.user_attrs else "a process"
        for t in running
    ]


def candidates_of(study: optuna.Study, limit: int) -> list[Candidate]:
    """Return the candidates that are finished, by place, as many as are asked for."""
    found = []
    for place, trial in enumerate(standing(study.get_trials(deepcopy=False))[:limit]):
        if trial.state not in OVER:
            continue
        note = trial.user_attrs.get("failed", "")
        state = "failed" if note else trial.state.name.lower()
        seeds = {int(seed): value for seed, value in trial.user_attrs.get("seeds", {}).items()}
        value = trial.value if state == "complete" else None
        found.append(Candidate(place, state, dict(trial.params), value, seeds, note))
    return found
