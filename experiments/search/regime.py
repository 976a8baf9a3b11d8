"""Phase 1: the network, its trace and the local rule together."""

from __future__ import annotations

import time
from pathlib import Path

import optuna

from experiments.search.evaluate import score, task
from experiments.search.space import REGIME, SEARCH_SEEDS, applied, read, suggest
from experiments.search.study import mean_over_seeds, open_study

NAME = "regime"

GUESSES: tuple[dict[str, float], ...] = (
    {},  # as shipped
    {"rules.local.gate.baseline": 1.0},
    {"network.cue_fraction": 0.6},
    {"network.weight": 1.2, "network.bias_spread": 0.15},
    {"network.cue_fraction": 0.6, "network.weight": 1.5, "rules.local.gate.baseline": 1.0},
)
"""Tried first, each a change of the shipped values; the hand search gave reason to."""


def search_regime(folder: Path, seconds: float, worker: int = 0) -> None:
    """Try candidates until the time is over.

    Parameters
    ----------
    folder : Path
        Of the journal.
    seconds : float
        No candidate is begun later.
    worker : int
        0 begins the study.
    """
    start = task()
    study = open_study(folder, NAME, worker)
    if worker == 0 and not study.trials:
        shipped = {p.path: read(start, p.path) for p in REGIME}
        for guess in GUESSES:
            study.enqueue_trial(shipped | guess)
    end = time.monotonic() + seconds
    study.optimize(objective, callbacks=[lambda s, _: s.stop() if time.monotonic() > end else None])


def objective(trial: optuna.Trial) -> float:
    """Mean over the search seeds of the mean E."""
    experiment = applied(task(), suggest(trial, REGIME))

    def value_of(seed: int) -> tuple[float, dict]:
        found = score(experiment, seed)
        errors = {label: e.round(4).tolist() for label, e in found.errors.items()}
        return found.value(), {"errors": errors, "rate_hz": found.rate_hz, "silent": found.silent}

    return mean_over_seeds(trial, SEARCH_SEEDS, value_of)
