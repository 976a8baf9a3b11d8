"""What a candidate is judged by: one score of a run, as one number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from spikewhen.analysis.score_names import SCORES, heading, score_of
from spikewhen.analysis.score_run import SCORERS, Scorer
from spikewhen.analysis.summary import final
from spikewhen.experiments.result import Result
from spikewhen.experiments.tuning.spec import TuneSpec
from spikewhen.reservoir.errors import InputError, nearest
from spikewhen.reservoir.own_code import load

LOWER = ("error", "free_rmse", "free_residual", "brier", "timing_error_ms", "trials_to_")
HIGHER = ("r2_", "detection", "calibration_r_", "accuracy")
"""How names of scores begin of which it is known which way is better."""


class Objective(NamedTuple):
    """The number that is tuned for.

    Attributes
    ----------
    score : str
    lower : bool
        Whether less is better.
    at : {"ends", "all"}
    """

    score: str
    lower: bool
    at: str

    @property
    def direction(self) -> str:
        """As Optuna calls it."""
        return "minimize" if self.lower else "maximize"

    def __str__(self) -> str:
        where = "at the last probes of every block" if self.at == "ends" else "at all probes"
        per = score_of(self.score, {}).per.partition("+")[0] if self.score in SCORES else ""
        where = {"run": "of the run", "block": "of the blocks"}.get(per, where)
        return f"{heading(self.score)} {where} ({'lower' if self.lower else 'higher'} is better)"

    def of(self, result: Result, label: str) -> float:
        """Return the value of one rule of a run; errors as `of_scores`."""
        return self.of_scores(dict(result.scores(label)))

    def of_scores(self, found: Mapping[str, np.ndarray]) -> float:
        """Return the value of one rule's scores by name: the mean over blocks, conditions and events.

        Raises
        ------
        InputError
            If there is no such score.
        """
        found = dict(found)
        if self.score not in found:
            known = [n for n in found if n not in ("block", "trial", "condition")]
            raise InputError("score", self.score, "a score of the task: " + ", ".join(known))
        values = np.asarray(found[self.score], float)
        per = score_of(self.score, found).per.partition("+")[0]
        if self.at == "ends" and per == "point":
            blocks = np.unique(np.asarray(found["block"]))
            return float(np.mean([final(found, self.score, int(block)) for block in blocks]))
        return float(values.mean()) if values.size else math.nan


def objective_of(spec: TuneSpec, task: Any) -> Objective:
    """Return what the candidates of a tuning are judged by.

    Raises
    ------
    InputError
        If it is not known which score that is, or which way it is better.
    """
    declared = getattr(task, "scores", "none")
    scorer = SCORERS.get(declared)
    score = spec.score or (scorer.main if isinstance(scorer, Scorer) else "")
    if not score and ":" in declared:
        score = getattr(load(declared, None, "paradigm.scores"), "main", "")
    if not score:
        raise InputError("score", "nothing", f"the name of a score that {declared} gives")
    if isinstance(scorer, Scorer) and score not in SCORES:
        raise InputError("score", score, f"a score of docs/scores.md{nearest(score, SCORES)}")
    better = spec.better or (
        "lower" if score.startswith(LOWER) else "higher" if score.startswith(HIGHER) else ""
    )
    if not better:
        raise InputError("better", "nothing", f'"lower" or "higher": of {score} it is not known which')
    return Objective(score, better == "lower", spec.at)
