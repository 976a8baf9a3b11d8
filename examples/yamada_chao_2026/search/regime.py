"""Phase 1: network, trace and local rule together; then trace and rule alone, on the best networks."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import optuna
from optuna.trial import TrialState

from spikewhen.examples.yamada_chao_2026.search.evaluate import Score, score, task
from spikewhen.examples.yamada_chao_2026.search.recorded import once_per_process, train_and_score
from spikewhen.examples.yamada_chao_2026.search.space import (
    REGIME,
    REGIME_RLS,
    SEARCH_SEEDS,
    applied,
    read,
    suggest,
)
from spikewhen.examples.yamada_chao_2026.search.study import mean_over_seeds, open_study
from spikewhen.reservoir.rules import RLS, Gate, WhatReadout
from spikewhen.reservoir.time_grid import make_grid

NAME = "regime"
TAKEN_OVER = 15
"""Networks of the local rule's search that least squares tries first."""

QUIET = {"network.bias_pa": 0.0, "network.drive_pa": 75.0}
"""Silent between trials."""
GUESSES: tuple[dict[str, float], ...] = (
    {},  # as it is
    QUIET,
    QUIET | {"network.drive_pa": 65.0},
    {"network.bias_pa": 30.0, "network.drive_pa": 45.0},
    QUIET | {"network.cue_pa": 300.0},
    QUIET | {"network.slow_a_max": 0.1},
    QUIET | {"rules.local.eta": 0.02, "rules.local.gate.baseline": 1.0},
    QUIET | {"network.drive_pa": 90.0, "network.weight": 0.6},
    QUIET | {"network.cue_pa": 120.0},
    QUIET | {"network.cue_fraction": 0.3},
    QUIET | {"network.parameter_spread": 0.35},
    QUIET | {"network.bias_spread": 0.3},
)
"""Tried besides what the sampler draws, each a change of the start; earlier searches gave reason to."""


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
        before = {p.path: read(start, p.path) for p in REGIME}
        for guess in GUESSES:
            study.enqueue_trial(before | guess)

    def objective(trial: optuna.Trial) -> float:
        experiment = applied(start, suggest(trial, REGIME))
        return mean_over_seeds(trial, SEARCH_SEEDS, lambda seed: _told(score(experiment, seed)))

    _until(study, objective, seconds)


def search_regime_rls(folder: Path, seconds: float, worker: int = 0) -> None:
    """Try networks for least squares that is told of every switch; parameters as of `search_regime`.

    Network and trace of `meet.toml` were chosen with the local rule. Here its rival chooses, first among
    the networks that were best in `search_regime`, as far as the journal has them.
    """
    rule = RLS(
        alpha=0.1,
        interval_ms=8.0,
        reset="switch",
        gate=Gate(kind="window", baseline=1.0),
        what=WhatReadout(anneal=True, restart=0.35),
    )
    start = replace(task(), rules={"rls": rule})
    study = open_study(folder, f"{NAME}_rls", worker)
    if worker == 0 and not study.trials:
        shipped = {p.path: read(start, p.path) for p in REGIME_RLS}
        for network in ({}, *_best_networks(folder)):
            study.enqueue_trial(shipped | network)

    def objective(trial: optuna.Trial) -> float:
        experiment = applied(start, suggest(trial, REGIME_RLS))
        return mean_over_seeds(trial, SEARCH_SEEDS, lambda seed: _told(score(experiment, seed)))

    _until(study, objective, seconds)


def _best_networks(folder: Path) -> list[dict[str, float]]:
    """Network and trace of the best candidates of `search_regime`, best first."""
    trials = open_study(folder, NAME).get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    best = sorted(trials, key=lambda trial: trial.value or 0.0)[:TAKEN_OVER]  # all of them have a value
    return [{k: v for k, v in t.params.items() if not k.startswith("rules.")} for t in best]


def refine(folder: Path, number: int, seconds: float, worker: int = 0) -> None:
    """Search trace and rule on the spikes of one candidate's network, from that candidate on.

    Parameters
    ----------
    folder : Path
        Of the journal.
    number : int
        Of the trial.
    seconds : float
    worker : int
    """
    values = open_study(folder, NAME).trials[number].params
    whole = applied(task(), suggest(optuna.trial.FixedTrial(values), REGIME))
    space = tuple(p for p in REGIME if not p.path.startswith("network."))
    simulated = once_per_process(whole)
    study = open_study(folder, f"refine_{number}", worker)
    if worker == 0 and not study.trials:
        study.enqueue_trial({p.path: values[p.path] for p in space})

    def objective(trial: optuna.Trial) -> float:
        experiment = applied(whole, suggest(trial, space))

        def value_of(seed: int) -> tuple[float, dict]:
            grid = make_grid(experiment.simulation, experiment.trace, seed)
            return _told(train_and_score(simulated(seed)._replace(grid=grid), experiment.rules["local"]))

        return mean_over_seeds(trial, SEARCH_SEEDS, value_of)

    _until(study, objective, seconds)


def _told(found: Score) -> tuple[float, dict]:
    errors = {label: e.round(4).tolist() for label, e in found.errors.items()}
    return found.value(), {"errors": errors, "rate_hz": found.rate_hz, "silent": found.silent}


def _until(study: optuna.Study, objective, seconds: float) -> None:
    end = time.monotonic() + seconds
    study.optimize(objective, callbacks=[lambda s, _: s.stop() if time.monotonic() > end else None])
