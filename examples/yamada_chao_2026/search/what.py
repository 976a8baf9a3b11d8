"""The rate of the "what" readout: fixed, annealed, or raised by surprise, where probability switches.

No spike and no feature depends on it or on the events, so each seed is simulated once; the readout's own
compiled functions then learn from each trial's mean feature.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import optuna

from spikewhen.examples.yamada_chao_2026.search.evaluate import task
from spikewhen.examples.yamada_chao_2026.search.recorded import Simulated, simulate
from spikewhen.examples.yamada_chao_2026.search.study import open_study
from spikewhen.experiments.config import Experiment
from spikewhen.paradigms.meet import Block
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.replay import KeptSpikes, Tracer
from spikewhen.reservoir.rules import WhatReadout
from spikewhen.reservoir.rules.what import learn, predict
from spikewhen.reservoir.types import aligned

SEEDS = tuple(range(1000, 1008))
TRIALS = 400
P_EVERY_100 = (0.8, 0.2, 0.6, 0.9)
P_EVERY_25 = (0.8, 0.2, 0.6, 0.9, 0.4, 0.1, 0.7, 0.3) * 2
SCHEDULES = {"every 100": P_EVERY_100, "every 25": P_EVERY_25}
"""p of the first event from block to block; the second has the rest."""

BUDGET = 60
"""Candidates of each kind."""


class Taught(NamedTuple):
    """One seed: what each trial showed, and what came under either schedule."""

    total: np.ndarray  # (n, M) sum of the features over the window
    n_steps: int  # of the window
    outcome: dict[str, np.ndarray]  # by schedule: (n, K) one-hot
    probability: dict[str, np.ndarray]  # by schedule: (n, K)


def session(p: tuple[float, ...]) -> Experiment:
    """Return blocks of equal length with these probabilities."""
    blocks = tuple(Block(((a, round(1 - a, 6)),), ((300.0, 600.0),), trials=TRIALS // len(p)) for a in p)
    return task(blocks, points=(), repeats=0)


def taught(seed: int) -> Taught:
    """Simulate one seed and draw the events of both schedules; onsets do not depend on them."""
    simulated = simulate(session(P_EVERY_25), seed)
    plans = {
        name: session(p).paradigm.plan(seed, simulated.setup.grid.readout_step_ms)
        for name, p in SCHEDULES.items()
    }
    for plan in plans.values():
        assert np.array_equal(plan.trials.interval_ms, simulated.setup.session.trials.interval_ms)
    total, n_steps = _windows(simulated, WhatReadout())
    return Taught(
        total,
        n_steps,
        {k: np.eye(s.n_channels, dtype=total.dtype)[s.trials.event] for k, s in plans.items()},
        {k: s.probability[s.trials.block, s.trials.cue] for k, s in plans.items()},
    )


def _windows(simulated: Simulated, what: WhatReadout) -> tuple[np.ndarray, int]:
    grid, recording = simulated.setup.grid, simulated.recording
    tracer = Tracer(grid, simulated.network.n_neurons)
    h, m = grid.readout_step_ms, grid.steps_per_readout
    begin = np.round((recording[schema.trial("onset_ms")] + what.window_start_ms) / h).astype(np.int64)
    count = round((what.window_end_ms - what.window_start_ms) / h)
    trial = np.full(int(begin[-1]) + count, -1)
    for i, b in enumerate(begin):
        trial[b : b + count] = i
    total = aligned(np.zeros((begin.size, tracer.width), grid.dtype))
    step, cell = KeptSpikes(recording).between(0, trial.size * m)
    for part, x in tracer.chunks(tracer.start(), step, cell, 0, trial.size):
        inside = trial[part] >= 0
        np.add.at(total, trial[part][inside], x[inside])
    return total, count


def p_hats(what: WhatReadout, seed: Taught, schedule: str) -> np.ndarray:
    """Return p-hat of every trial, before its outcome is learned, ``(n, K)``."""
    outcome = seed.outcome[schedule]
    k, real = outcome.shape[1], seed.total.dtype
    weights, mean = aligned(np.zeros((k, seed.total.shape[1]), real)), aligned(np.zeros_like(seed.total[0]))
    count, seen, surprise = np.array([seed.n_steps]), np.zeros(1, np.int64), np.zeros(k, real)
    out, constants = np.empty_like(outcome), what.constants(real)
    for i, total in enumerate(seed.total):
        predict(weights, total, count, mean, out[i])
        learn(constants, weights, seen, surprise, mean, out[i], outcome[i])
    return out


def rmse(what: WhatReadout, seeds: list[Taught], schedule: str) -> float:
    """Return the root mean squared error of p-hat, clipped to 0 to 1, over trials, channels and seeds."""
    wrong = [np.clip(p_hats(what, s, schedule), 0, 1) - s.probability[schedule] for s in seeds]
    return float(np.sqrt(np.mean(np.square(wrong))))


Draw = Callable[[optuna.Trial], WhatReadout]


def _fixed(trial: optuna.Trial) -> WhatReadout:
    return WhatReadout(eta_w=trial.suggest_float("eta_w", 0.01, 0.5, log=True))


def _annealed(trial: optuna.Trial) -> WhatReadout:
    return replace(_fixed(trial), anneal=True)


def _surprised(trial: optuna.Trial) -> WhatReadout:
    return WhatReadout(
        eta_w=trial.suggest_float("eta_w", 0.01, 0.2, log=True),
        surprise=trial.suggest_float("surprise", 0.05, 1.0, log=True),
        surprise_scale=trial.suggest_float("surprise_scale", 0.2, 1.0, log=True),
        surprise_rate=trial.suggest_float("surprise_rate", 0.03, 0.5, log=True),
        anneal=True,
    )


KINDS: dict[str, Draw] = {"fixed": _fixed, "annealed": _annealed, "surprise": _surprised}


def search_what(folder: Path) -> str:
    """Tune each kind on the mean RMSE of both schedules; return what came out as a Markdown table."""
    seeds = [taught(seed) for seed in SEEDS]
    lines = ["| rate | tuned | RMSE, switches every 100 | every 25 |", "|---|---|---|---|"]
    for kind, draw in KINDS.items():
        study = open_study(folder, f"what_{kind}")

        def objective(trial: optuna.Trial, draw: Draw = draw) -> float:
            found = [rmse(draw(trial), seeds, schedule) for schedule in SCHEDULES]
            trial.set_user_attr("rmse", found)
            return float(np.mean(found))

        study.optimize(objective, n_trials=BUDGET - len(study.trials))
        best = study.best_trial
        tuned = ", ".join(f"{name} {value:.3g}" for name, value in best.params.items())
        lines.append(
            f"| {kind} | {tuned} | " + " | ".join(f"{e:.3f}" for e in best.user_attrs["rmse"]) + " |"
        )
    return "\n".join(lines)
