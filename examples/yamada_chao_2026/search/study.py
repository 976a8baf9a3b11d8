"""Optuna studies in a journal: several processes share one, and a later call goes on where one ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

SAMPLER_SEED = 4
STARTUP = 12
"""Trials before the sampler's model and the pruner's median count."""


def storage(folder: Path) -> JournalStorage:
    """Return the journal of a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(str(folder / "search.journal")))


def open_study(folder: Path, name: str, worker: int = 0, prune: bool = True) -> optuna.Study:
    """Open or begin a study.

    Parameters
    ----------
    folder : Path
        Of the journal.
    name : str
    worker : int
        Each process draws with a seed of its own, and anew after an interruption.
    prune : bool
        Drop what is worse than the median of the others; else every candidate gets every seed.
    """
    study = optuna.create_study(
        storage=storage(folder),
        study_name=name,
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=6) if prune else optuna.pruners.NopPruner(),
    )
    seed = [SAMPLER_SEED, worker, len(study.trials)]
    study.sampler = optuna.samplers.TPESampler(
        n_startup_trials=STARTUP,
        multivariate=True,
        constant_liar=True,
        seed=int(np.random.SeedSequence(seed).generate_state(1)[0]),
    )
    return study


def mean_over_seeds(
    trial: optuna.Trial, seeds: Sequence[int], value_of: Callable[[int], tuple[float, dict]]
) -> float:
    """Average a score over seeds; stop early where the running mean is worse than the median of others.

    Parameters
    ----------
    trial : optuna.Trial
    seeds : sequence of int
    value_of : callable
        Seed to value, and what else is worth keeping of the run.

    Raises
    ------
    optuna.TrialPruned
    """
    values: list[float] = []
    for i, seed in enumerate(seeds):
        value, details = value_of(seed)
        values.append(value)
        trial.set_user_attr(f"seed_{seed}", {"value": value, **details})
        trial.report(float(np.mean(values)), i)
        if i + 1 < len(seeds) and trial.should_prune():
            raise optuna.TrialPruned
    return float(np.mean(values))
