"""What every score says of predictions whose fault is known: ``python -m spikewhen.validation.score_faults``.

The predictions are made up, not simulated, and go through the code that scores a
run. The tables that this prints stand in docs/scores.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d

from spikewhen.analysis.baselines import combine, equal_share, winner_take_all
from spikewhen.analysis.calibration import brier
from spikewhen.analysis.observers import Seen
from spikewhen.analysis.score_events import calibration_scores, point_scores
from spikewhen.analysis.targets import bump, hazard_target
from spikewhen.analysis.views import Readout, Scores, Task, group_probes

TIME_MS = np.arange(-49.0, 1001.0)
SIGMA_MS = 30.0
REPEATS, TRIALS = 10, 20  # TRIALS: so that probabilities in tenths are met exactly
LATE_MS = 15.0

SHIPPED = ((0.8, 300.0, 600.0), (0.8, 450.0, 750.0), (0.2, 450.0, 750.0), (0.6, 250.0, 650.0))
"""p(A) and the latencies of A and B in the blocks of meet.toml; the fifth repeats the first."""

LEVELS = tuple((level / 10, 300.0, 600.0) for level in range(11))


class Said(NamedTuple):
    """A prediction on the probes of B contingencies."""

    p_hat: np.ndarray  # (B, R, K)
    y: np.ndarray  # (B, R, T, K)
    z: np.ndarray | None = None  # (B, R, T, K) of a readout without p-hat


def _right(p, latency) -> Said:
    shape = (len(p), REPEATS, p.shape[1])
    y = bump(TIME_MS[:, None], latency[:, None, None, :], SIGMA_MS)
    return Said(np.broadcast_to(p[:, None], shape), np.broadcast_to(y, (*shape[:2], *y.shape[2:])))


def _probability(change: Callable) -> Callable:
    """Right timing, with another p in the product."""

    def said(p, latency):
        right = _right(p, latency)
        return right._replace(p_hat=np.broadcast_to(change(p)[:, None], right.p_hat.shape))

    return said


def _timing(change: Callable) -> Callable:
    """Right p, with ``change(y, p, latency)`` in the place of y."""

    def said(p, latency):
        right = _right(p, latency)
        return right._replace(y=change(right.y, p, latency))

    return said


def _noise(y, p, latency):
    """Rectified noise, as smooth as a bump and with its mean square."""
    drawn = np.random.default_rng(0).standard_normal(y.shape)
    noise = np.maximum(gaussian_filter1d(drawn, SIGMA_MS / np.sqrt(2), axis=2), 0)
    after = TIME_MS >= 0
    square = [(a[:, :, after] ** 2).mean((1, 2), keepdims=True) for a in (y, noise)]
    return noise * np.sqrt(square[0] / square[1])


def _unsteady(y, p, latency):
    """Right on average: the probes have 0 to 2 times the right amplitude."""
    gain = np.linspace(0, 2, REPEATS)
    return y * gain[:, None, None]


def _hazard(p, latency) -> Said:
    right = _right(p, latency)
    z = hazard_target(TIME_MS, p, latency, np.zeros_like(p), SIGMA_MS)
    return right._replace(z=np.broadcast_to(z[:, None], right.y.shape))


PREDICTIONS: dict[str, Callable[[np.ndarray, np.ndarray], Said]] = {
    "perfect": _right,
    "silence": _timing(lambda y, p, latency: 0 * y),
    "rare event ignored": _probability(lambda p: np.where(p < p.max(1, keepdims=True), 0, p)),
    "winner takes all": _probability(winner_take_all),
    "equal p": _probability(equal_share),
    "p reversed": _probability(lambda p: p[:, ::-1]),
    "p counted twice": _timing(lambda y, p, latency: y * p[:, None, None, :]),
    "half amplitude": _timing(lambda y, p, latency: 0.5 * y),
    "15 ms late": lambda p, latency: _right(p, latency + LATE_MS)._replace(p_hat=_right(p, latency).p_hat),
    "latencies exchanged": _timing(lambda y, p, latency: y[..., ::-1]),
    "nothing before the event": _timing(
        lambda y, p, latency: y * (TIME_MS[:, None] >= latency[:, None, None, :])
    ),
    "flat": _timing(
        lambda y, p, latency: np.broadcast_to(y[:, :, TIME_MS >= 0].mean(2, keepdims=True), y.shape)
    ),
    "noise": _timing(_noise),
    "right on average only": _timing(_unsteady),
    "hazard-conditional": _hazard,
}
"""By name: ``said(p, latency)`` for p and latency ``(B, K)``."""


@cache
def score_prediction(name: str, contingencies: tuple[tuple[float, float, float], ...]) -> Scores:
    """Score a made-up prediction as a run is scored, one block per contingency.

    Parameters
    ----------
    name : str
        One of `PREDICTIONS`.
    contingencies : tuple of (p(A), latency of A, latency of B)

    Returns
    -------
    dict
        Point scores ``(B,)`` or ``(B, K)``, ``brier`` and ``brier_true`` ``(B,)``, and
        the calibration over all blocks, as `spikewhen.analysis.score_names` names them.
    """
    table = np.array(contingencies, float)
    p, latency = np.stack([table[:, 0], 1 - table[:, 0]], axis=1), table[:, 1:]
    said = PREDICTIONS[name](p, latency)
    n, k = p.shape
    block = np.repeat(np.arange(n), TRIALS)
    event = (np.arange(n * TRIALS) % TRIALS >= np.round(TRIALS * p[block, 0])).astype(int)
    probes = np.repeat(np.arange(n), REPEATS)
    task = Task(
        probability=p[:, None],
        latency_ms=latency[:, None],
        latency_sd_ms=np.zeros((n, 1, k)),
        late_ms=latency[:, None],
        late_share=np.zeros((n, 1, k)),
        first_trial=TRIALS * np.arange(n),
        seen=Seen(np.zeros(block.size, int), event, latency[block, event]),
        trial_block=block,
        probe_block=probes,
        probe_trial=np.full(probes.size, TRIALS),
        probe_cue=np.zeros(probes.size, int),
    )
    z = combine(said.p_hat, said.y) if said.z is None else said.z
    y = said.y if said.z is None else said.z
    shape = (probes.size, TIME_MS.size, k)
    readout = Readout(
        TIME_MS, SIGMA_MS, said.z is None, y.reshape(shape), said.p_hat.reshape(-1, k), z.reshape(shape)
    )
    points = group_probes(task.probe_block, task.probe_trial, task.probe_cue)
    found = Scores(point_scores(task, readout, points))
    found.add(calibration_scores(found, task))
    before = said.p_hat[:, 0][block]  # each trial
    for label, predicted in (("brier", before), ("brier_true", p[block])):
        found[label] = np.array([brier(predicted[block == b], event[block == b]) for b in range(n)])
    if not readout.factored:
        found["brier"] = np.full(n, np.nan)
    return found


class Check(NamedTuple):
    """What a good prediction says at p(A) = .8, or over 11 levels of p(A)."""

    required: str
    value: Callable[[Scores, Scores], np.ndarray]
    keeps: Callable[[np.ndarray], np.ndarray]


CHECKS = {
    "E": Check("≤ .4", lambda main, _: main["error"], lambda x: x <= 0.4),
    "E of A, of B": Check("< 1", lambda main, _: main["error_channel"], lambda x: x < 1),
    "equal p": Check("> E", lambda main, _: main["error_equal_p"] - main["error"], lambda x: x > 1e-9),
    "winner": Check("> E", lambda main, _: main["error_winner"] - main["error"], lambda x: x > 1e-9),
    "E before": Check("< 1", lambda main, _: main["error_before"], lambda x: x < 1),
    "scatter": Check("≤ .4", lambda main, _: main["error_spread"], lambda x: x <= 0.4),
    "timing": Check("≤ 10 ms", lambda main, _: main["timing_error_ms"], lambda x: x <= 10),
    "detection": Check("≥ .95", lambda main, _: main["detection"], lambda x: x >= 0.95),
    "r": Check("≥ .978", lambda _, levels: levels["calibration_r_amplitude"], lambda x: x >= 0.978),
    "slope": Check(
        ".93 ± .2", lambda _, levels: levels["calibration_slope_amplitude"], lambda x: abs(x - 0.93) <= 0.2
    ),
    "slope of p-hat": Check(
        "1 ± .1", lambda _, levels: levels["calibration_slope_p_hat"], lambda x: abs(x - 1) <= 0.1
    ),
    "slope of y": Check("0 ± .1", lambda _, levels: levels["calibration_slope_y"], lambda x: abs(x) <= 0.1),
    "Brier": Check(
        "true p's + .01",
        lambda _, levels: (levels["brier"] - levels["brier_true"]).mean(),
        lambda x: x <= 0.01,
    ),
}
"""Limits in the reach of a noisy network: E is about .3 at the end of a block."""


def noticed_by(name: str) -> list[str]:
    """Return the checks that a prediction fails; a score that is undefined fails."""
    main, levels = score_prediction(name, SHIPPED[:1]), score_prediction(name, LEVELS)
    return [
        title for title, c in CHECKS.items() if not np.all(c.keeps(np.asarray(c.value(main, levels), float)))
    ]


COLUMNS = (
    ("E", "error"),
    ("A", "error_channel", 0),
    ("B", "error_channel", 1),
    ("mean", "error_bias"),
    ("scatter", "error_spread"),
    ("before", "error_before"),
    ("after", "error_after"),
    ("hazard", "error_hazard"),
    ("equal p", "error_equal_p"),
    ("winner", "error_winner"),
    ("true p", "error_true_p"),
    ("timing A", "timing_error_ms", 0),
    ("timing B", "timing_error_ms", 1),
    ("found A", "detection", 0),
    ("found B", "detection", 1),
    ("amp. A", "amplitude", 0),
    ("amp. B", "amplitude", 1),
)
"""Title, score, channel."""


def _tables() -> Iterator[tuple[str, list[str], list[list[str]]]]:
    rows = []
    for name in PREDICTIONS:
        found = score_prediction(name, SHIPPED[:1])
        values = [np.asarray(found[c[1]][0])[c[2:]] for c in COLUMNS]
        digits = (0 if "timing" in c[0] else 2 for c in COLUMNS)
        rows.append([name, *map(_number, values, digits)])
    yield f"p(A) = .8, A at 300 ms, B at 600 ms; {REPEATS} probes", [c[0] for c in COLUMNS], rows

    titles = [f"p(A) = {_number(p, 1)}, {a:g} and {b:g} ms" for p, a, b in SHIPPED]
    rows = [[n, *(_number(e) for e in score_prediction(n, SHIPPED)["error"])] for n in PREDICTIONS]
    yield "E in the shipped contingencies", titles, rows

    of = [(which, name) for name in ("p_hat", "y", "amplitude") for which in ("r", "slope")]
    titles = [f"{which} of {dict(p_hat='p-hat', y='y').get(n, 'product')}" for which, n in of]
    rows = []
    for name in PREDICTIONS:
        found = score_prediction(name, LEVELS)
        values = [_number(found[f"calibration_{which}_{n}"][0], 3 - (which == "slope")) for which, n in of]
        scored = [_number(found["brier"].mean(), 3), _number(found["brier_true"].mean(), 3)]
        rows.append([name, *values, *scored])
    yield "11 levels of p(A), both channels together", [*titles, "Brier", "of true p"], rows

    rows = [["required", *(c.required for c in CHECKS.values())]]
    for name in PREDICTIONS:
        failed = noticed_by(name)
        rows.append([name, *("x" if check in failed else "" for check in CHECKS)])
    yield "which score notices (x) which fault", list(CHECKS), rows


def _number(value, digits: int = 2) -> str:
    if not np.isfinite(value):
        return "–"
    text = f"{round(float(value), digits) + 0.0:.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}").replace("0.", ".", 1 if abs(value) < 1 else 0)


def describe() -> str:
    """Return the tables as Markdown."""
    parts = []
    for title, names, rows in _tables():
        lines = [f"**{title[0].upper()}{title[1:]}**", "", "| prediction | " + " | ".join(names) + " |"]
        lines += ["|---" * (len(names) + 1) + "|", *("| " + " | ".join(row) + " |" for row in rows)]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    print(describe(), end="")
