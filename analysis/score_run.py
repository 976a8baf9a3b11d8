"""Scoring a run in the way that its task declares.

A task names its scores (`spikewhen.paradigms.base.Task.scores`), and the name is stored in
the file: "events" (`spikewhen.analysis.score_events`), "target" (`score_targets`), "times"
(`score_times`), "sequence" (`score_sequence`), "production" (`score_production`),
"omission" (`score_omission`), "local_global" (`score_local_global`), "choices" (`score_choices`),
"signal" (`free_run`), "none", or ``"module:function"`` of a user's own,

    ``score(recording) -> {label: {name: values or (values, unit)}}``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from spikewhen.analysis.algebra import one_thread
from spikewhen.analysis.free_run import score_signal
from spikewhen.analysis.score_choices import score_choices
from spikewhen.analysis.score_events import score_events
from spikewhen.analysis.score_local_global import score_local_global
from spikewhen.analysis.score_names import KEYS, SCORES
from spikewhen.analysis.score_omission import score_omission
from spikewhen.analysis.score_production import score_production
from spikewhen.analysis.score_sequence import score_sequence
from spikewhen.analysis.score_targets import score_targets
from spikewhen.analysis.score_times import score_times
from spikewhen.analysis.views import Features, Scores
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.own_code import find, reason_of

if TYPE_CHECKING:
    from spikewhen.reservoir.files.recording import Recording
    from spikewhen.reservoir.files.sinks import Sink


class Scorer(NamedTuple):
    """A way to score runs."""

    score: Callable[..., dict[str, Any]]
    main: str  # the score that learning curves and comparisons are of; "" = the first one


SCORERS: dict[str, Scorer | None] = {
    "events": Scorer(score_events, "error"),
    "target": Scorer(score_targets, "error"),
    "times": Scorer(score_times, "error"),
    "sequence": Scorer(score_sequence, "r2_transitions"),
    "production": Scorer(score_production, "error"),
    "omission": Scorer(score_omission, "omission_share"),
    "local_global": Scorer(score_local_global, "global_effect"),
    "choices": Scorer(score_choices, "accuracy"),
    "signal": Scorer(score_signal, "free_rmse"),
    "none": None,
}


class Scored(NamedTuple):
    """The scores of a run."""

    found: dict[str, Scores]  # by label and name
    units: dict[str, str]  # of every score
    main: str  # name of the main score

    @property
    def undefined(self) -> dict[str, dict[str, str]]:
        """Why scores are NaN that a longer run would have, by label and name."""
        return {label: getattr(table, "undefined", {}) for label, table in self.found.items()}


def declared(recording: Recording) -> str:
    """Return the name of the way in which the run's task is scored; "none" where it says nothing."""
    return recording.attrs.get(schema.block(), {}).get("scores", "none")


def score_run(
    recording: Recording,
    features: Features | None = None,
    naive: dict[str, np.ndarray] | None = None,
    every_ms: float = 10.0,
    ceiling: np.ndarray | None = None,
    geometry: bool = True,
    beside: str | Path | None = None,
) -> dict[str, Scores]:
    """Score every readout of a run as its task declares.

    Parameters
    ----------
    recording : Recording
    features : callable, optional
        ``spikewhen.reservoir.replay.features``; adds the ridge ceiling and, for events, the
        geometry in the activity. Its columns must be the times ``every_ms`` apart that end
        each stride, the last one the end of the trial.
    naive : dict of label to (B,) array, optional
        E that a naive network reaches at the end of each block.
    every_ms : float
        Time between the features used.
    ceiling : (P,) array, optional
        `error_ridge` as found before: it depends on the activity alone.
    geometry : bool
        Compare the weights with refits to the activity, where there are features.
    beside : path, optional
        Folder in which a module of one's own is looked for first.

    Returns
    -------
    dict of label to dict of name to array
        The names of `spikewhen.analysis.score_names.SCORES`, or own ones, for ``/scores/<label>/``.

    Raises
    ------
    InputError
        If the task declares no scores, or the file does not hold what they need.
    """
    return scored(
        recording, features, naive=naive, every_ms=every_ms, ceiling=ceiling, geometry=geometry, beside=beside
    ).found


@one_thread()
def scored(
    recording: Recording,
    features: Features | None = None,
    beside: str | Path | None = None,
    **options: Any,
) -> Scored:
    """Score a run, with the units and the main score; arguments and errors as `score_run`."""
    name = declared(recording)
    scorer = find("score", name, SCORERS, beside, schema.block("scores"))
    if scorer is None:
        raise InputError(
            schema.block("scores"),
            name,
            'a task that declares scores, e.g. scores: ClassVar[str] = "target" (docs/own_tasks.md)',
        )
    if isinstance(scorer, Scorer):
        found = scorer.score(recording, features=features, **options)
        return Scored(found, {n: SCORES[n].unit for f in found.values() for n in f}, scorer.main)
    return _own(name, scorer, recording)


def _own(name: str, score: Callable, recording: Recording) -> Scored:
    """Score with a function of the user's, and check what it gives."""
    if not callable(score):
        raise InputError(schema.block("scores"), name, "a function score(recording)")
    try:
        given = score(recording)
    except (Exception, SystemExit) as error:
        raise InputError(name, "failed", f"a function that scores this run; {reason_of(error)}") from error
    found: dict[str, Scores] = {}
    units: dict[str, str] = {}
    if not (isinstance(given, dict) and all(isinstance(table, dict) for table in given.values())):
        raise InputError(name, type(given).__name__, "{label: {name: values or (values, unit)}}")
    for label, table in given.items():
        if label not in recording.labels:
            raise InputError(name, label, "labels of the run: " + ", ".join(recording.labels))
        found[label] = Scores()
        for key, value in table.items():
            values, unit = value if isinstance(value, tuple) else (value, "1")
            try:
                array = np.atleast_1d(np.asarray(values, np.int64 if key in KEYS else float))
            except (TypeError, ValueError) as error:
                raise InputError(f"{name}: {label}.{key}", type(values).__name__, "numbers") from error
            found[label][key], units[key] = array, SCORES[key].unit if key in SCORES else unit
    names = [key for table in found.values() for key in table if key not in KEYS]
    return Scored(found, units, getattr(score, "main", "") or (names[0] if names else ""))


def write_scores(sink: Sink, result: Scored) -> None:
    """Write scores under ``/scores/<label>``, and which one is the main one."""
    for label, table in result.found.items():
        for name, values in table.items():
            sink.put(schema.scores(label, name), values, result.units[name])
            if reason := result.undefined[label].get(name):
                sink.annotate(schema.scores(label, name), undefined=reason)
        sink.annotate(schema.scores(label), main=result.main)
