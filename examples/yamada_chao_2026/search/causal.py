"""Phase 2: the retrospective rule, whose teacher does not know the future, over the blocks of claim R."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import optuna

from spikewhen.examples.yamada_chao_2026.claims.worlds import RULES, SWITCHED
from spikewhen.examples.yamada_chao_2026.search.evaluate import task
from spikewhen.examples.yamada_chao_2026.search.recorded import once_per_process
from spikewhen.examples.yamada_chao_2026.search.rules import over_seeds, with_values
from spikewhen.examples.yamada_chao_2026.search.space import Parameter, suggest
from spikewhen.examples.yamada_chao_2026.search.study import open_study
from spikewhen.reservoir.rules import Retrospective

BUDGET = 58
SPACE = (
    Parameter("eta", 0.008, 0.3, True, "speed against the rule's own variance; it learns after onset only"),
    Parameter("back", 0.001, 0.05, True, "what a missed expectation takes from the weights"),
    Parameter("trace_ms", 100.0, 4000.0, True, "how long a prediction is remembered"),
    Parameter("late_ms", 10.0, 150.0, False, "what of the rise before the event counts as right"),
    Parameter("gate.baseline", 0.04, 1.0, True, "weight of silence outside the window"),
)


def search_causal(folder: Path, seconds: float, worker: int = 0) -> None:
    """Spend the budget, or the time.

    Parameters
    ----------
    folder : Path
        Of the journal.
    seconds : float
        No candidate is begun later.
    worker : int
        Several processes may share a journal.
    """
    simulated = once_per_process(task(blocks=SWITCHED.experiment().paradigm.blocks))
    ours = RULES["retro_unlearn"]
    by_default = {name: getattr(Retrospective(), name) for name in ("eta", "back", "trace_ms", "late_ms")}
    study, end = open_study(folder, "causal", worker), time.monotonic() + seconds
    if not study.trials:
        study.enqueue_trial({**by_default, "gate.baseline": 0.4})

    def objective(trial: optuna.Trial) -> float:
        rule = with_values(ours, suggest(trial, SPACE))
        return over_seeds(trial, replace(rule, late_ms=round(rule.late_ms)), simulated)

    while time.monotonic() < end and len(study.trials) < BUDGET:
        study.optimize(objective, n_trials=1)
