"""Phase 2: the network stays; every kind of rule gets the same number of candidates."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState

from spikewhen.examples.yamada_chao_2026.search.evaluate import task
from spikewhen.examples.yamada_chao_2026.search.recorded import Simulated, once_per_process, train_and_score
from spikewhen.examples.yamada_chao_2026.search.space import SEARCH_SEEDS, Parameter, replaced, suggest
from spikewhen.examples.yamada_chao_2026.search.study import mean_over_seeds, open_study
from spikewhen.reservoir.rules import RLS, Gate, RLSSurprise, ThreeFactor, WhatReadout

BUDGET = 8
"""Candidates per cell, pruned ones counted."""

ETA = Parameter("eta", 0.004, 0.1, True, "speed against the rule's own variance")
BETA = Parameter("consolidation", 0.1, 1.0, True, "weights averaged over 1/beta trials; 1 averages nothing")
ALPHA = Parameter("alpha", 0.001, 10.0, True, "ridge of the first trials")
MEMORY = Parameter("memory_trials", 5.0, 100.0, True, "how soon the past is forgotten")
WINDOW = (
    Parameter("gate.baseline", 0.05, 1.0, True, "weight of silence outside the window"),
    Parameter("gate.half_width_ms", 45.0, 200.0, True, "where the gate is fully open"),
)
WHAT = (Parameter("what.eta_w", 0.02, 0.3, True, "speed of p-hat against its variance"),)

START = {
    "eta": 0.03,
    "consolidation": 1.0,
    "alpha": 0.1,
    "memory_trials": 20.0,
    "gate.baseline": 0.4,
    "gate.half_width_ms": 100.0,
    "what.eta_w": 0.05,
    "surprise_above": 0.35,
}
"""Of the first candidate of every cell: the local rule of phase 1, RLS from the hand search."""


def cell(kind: str, factored: bool, gate: bool) -> tuple[Any, tuple[Parameter, ...]]:
    """Return the rule of a cell of the factorial, and what is tuned of it.

    Without a gate all times count alike. A factored readout still learns only the
    delivered channel: taught 0 where nothing came, y would itself go to p s(t), and p
    would count twice. A merged one is taught 0 there, since y alone is to become p s(t).
    """
    undelivered = "ignore" if factored else "zero"
    the_gate = Gate(kind="window" if gate else "none", undelivered=undelivered)
    what = WhatReadout(anneal=True) if factored else None
    space = (WINDOW if gate else ()) + (WHAT if factored else ())
    if kind == "local":
        return ThreeFactor(factored=factored, gate=the_gate, what=what), (ETA, BETA, *space)
    rule = RLS(factored=factored, gate=the_gate, what=what, interval_ms=8.0)
    return rule, (ALPHA, MEMORY, *space)


CELLS = {
    f"{kind}_{'factored' if factored else 'merged'}_{'gate' if gate else 'none'}": cell(kind, factored, gate)
    for kind in ("local", "rls")
    for factored in (True, False)
    for gate in (True, False)
}


def with_values(rule: Any, values: dict[str, float]) -> Any:
    """Return the rule at a point of its space."""
    for path, value in values.items():
        rule = replaced(rule, path, value)
    return rule


def search_rules(folder: Path, seconds: float, worker: int = 0) -> None:
    """Spend the budget of every cell, or the time.

    Parameters
    ----------
    folder : Path
        Of the journal.
    seconds : float
        No candidate is begun later.
    worker : int
        Several processes may work at once; a cell may then get a candidate or two more.
    """
    _spend(folder, seconds, worker, CELLS, BUDGET)


def _spend(folder: Path, seconds: float, worker: int, cells: dict[str, Any], budget: int) -> None:
    """Give the next candidate to the cell that has had fewest."""
    simulated = once_per_process(task())
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        studies = {name: open_study(folder, name, worker) for name in cells}
        name = min(cells, key=lambda name: len(studies[name].trials))
        study, (rule, space) = studies[name], cells[name]
        if len(study.trials) >= budget:
            return
        if not study.trials:
            study.enqueue_trial({p.path: START[p.path] for p in space})

        def objective(trial: optuna.Trial, rule=rule, space=space) -> float:
            return over_seeds(trial, with_values(rule, suggest(trial, space)), simulated)

        study.optimize(objective, n_trials=1)


def over_seeds(trial: optuna.Trial, candidate: Any, simulated: Callable[[int], Simulated]) -> float:
    """Return the mean score of a rule that learns from the spikes of each search seed."""

    def value_of(seed: int) -> tuple[float, dict]:
        found = train_and_score(simulated(seed), candidate)
        return found.value(), {"errors": {label: e.round(4).tolist() for label, e in found.errors.items()}}

    return mean_over_seeds(trial, SEARCH_SEEDS, value_of)


SURPRISE = Parameter("surprise_above", 0.05, 1.0, True, "surprise at which a channel's P begins anew")


def rival(rule: type, gate: str, *space: Parameter, **fixed: Any) -> tuple[Any, tuple[Parameter, ...]]:
    """Return least squares with a window, or with weight 1 from the cue on, and what is tuned of it."""
    made = rule(gate=Gate(kind=gate), what=WhatReadout(anneal=True), interval_ms=8.0, **fixed)
    return made, (ALPHA, *space, *(WINDOW if gate == "window" else ()), *WHAT)


RIVALS: dict[str, tuple[Any, tuple[Parameter, ...]]] = {
    "rival_local": CELLS["local_factored_gate"],
    **{
        f"rival_{name}_{gate}": rival(rule, gate, *space, **fixed)
        for gate in ("window", "epoch")
        for name, rule, space, fixed in (
            ("rls_memory", RLS, (MEMORY,), {}),
            ("rls_told", RLS, (), {"memory_trials": 0.0, "reset": "switch"}),
            ("rls_surprise", RLSSurprise, (SURPRISE,), {}),
        )
    },
}
"""The rivals of claim C5, the local rule among them: every kind of least squares searched as widely."""

RIVAL_BUDGET = 12
"""Candidates of each rival, pruned ones counted: the same for the local rule and for every least squares."""


def search_rivals(folder: Path, seconds: float, worker: int = 0) -> None:
    """Spend the budget of every rival, or the time; parameters as of `search_rules`."""
    _spend(folder, seconds, worker, RIVALS, RIVAL_BUDGET)


ALPHAS = (0.1, 0.3, 1.0, 3.0)
MEMORIES: dict[str, dict[str, Any]] = {
    **{f"memory_{n}": {"memory_trials": float(n)} for n in (5, 10, 20, 50, 100)},
    "never_reset": {"memory_trials": 0.0},
    "reset_at_switches": {"memory_trials": 0.0, "reset": "switch"},
}


def search_memories(folder: Path, worker: int = 0) -> None:
    """Score RLS by what it remembers, with the gate of the best candidate of its cell and alpha tuned at 20.

    Parameters
    ----------
    folder : Path
        Of the journal.
    worker : int
        0 begins the study; others help.
    """
    name = "rls_factored_gate"
    rule, space = CELLS[name]
    best = open_study(folder, name, worker).best_trial
    rule = with_values(rule, suggest(optuna.trial.FixedTrial(best.params), space))
    simulated = once_per_process(task())

    def alpha(trial: optuna.Trial) -> float:
        value = trial.suggest_categorical("alpha", ALPHAS)
        return over_seeds(trial, replace(rule, memory_trials=20.0, alpha=value), simulated)

    def memory(trial: optuna.Trial) -> float:
        chosen = MEMORIES[trial.suggest_categorical("memory", tuple(MEMORIES))]
        return over_seeds(trial, replace(rule, alpha=tuned, **chosen), simulated)

    study = open_study(folder, "rls_alpha", worker, prune=False)
    _each(study, alpha, [{"alpha": a} for a in ALPHAS], worker)
    tuned = study.best_params["alpha"]
    study = open_study(folder, "rls_memory", worker, prune=False)
    _each(study, memory, [{"memory": m} for m in MEMORIES], worker)


def _each(
    study: optuna.Study, objective: Callable[[optuna.Trial], float], points: list[dict], worker: int
) -> None:
    """Score these points, each once, whoever scores them; returns when all have a value."""
    complete, waiting, running = TrialState.COMPLETE, TrialState.WAITING, TrialState.RUNNING
    if worker == 0:
        for trial in study.get_trials(states=(running,)):  # of a process that was stopped
            study.tell(trial.number, state=TrialState.FAIL)
        begun = [
            t.params or t.system_attrs["fixed_params"] for t in study.get_trials(states=(complete, waiting))
        ]
        for point in points:
            if point not in begun:
                study.enqueue_trial(point)
    while len(study.get_trials(deepcopy=False, states=(complete,))) < len(points):
        if study.get_trials(deepcopy=False, states=(waiting,)):
            study.optimize(objective, n_trials=1)
        else:
            time.sleep(1)
