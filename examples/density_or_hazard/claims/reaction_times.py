"""H4: reaction times of Set-Go follow the density of go where a readout is taught through the trial.

Grabenhorst et al. (2019) find that people's reaction times follow the density of go and not its hazard, and
that they are U-shaped in its time where all times are alike likely. A readout's are modelled as
``1 / (prediction + FLOOR)`` (`spikewhen.analysis.score_times`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spikewhen.analysis.bands import band
from spikewhen.analysis.score_names import stored
from spikewhen.analysis.score_times import FLOOR, at_times, read_times
from spikewhen.analysis.views import probed_points, read_readout
from spikewhen.examples.density_or_hazard.claims.four_cases import GO, OWN
from spikewhen.experiments.study.claim import Claim, Judged, Measured, column, finding
from spikewhen.reservoir.files.recording import Recording

UNIFORM, EXPONENTIAL = 0, 1
"""Blocks of set_go.toml."""

THROUGH = tuple(label for label in OWN if not label.endswith("stopped"))
STOPPED = tuple(label for label in OWN if label.endswith("stopped"))


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Take r^2 with density and hazard under the falling density, and the curvature under the flat one."""
    points, (_, times, _) = probed_points(recording), read_times(recording)
    found: dict[str, Any] = {}
    for label in OWN:
        scores, readout = stored(recording, label), read_readout(recording, label)
        last = {b: np.flatnonzero(scores["block"] == b)[-1] for b in (UNIFORM, EXPONENTIAL)}
        of = {name: float(scores[f"rt_{name}"][last[EXPONENTIAL], 0]) for name in ("density", "hazard")}
        z = points.mean(readout.prediction)[last[UNIFORM]][None]
        said = at_times(z, readout.time_ms, times[UNIFORM])[0, 0]
        found[label] = {**of, "curvature": curvature(1 / (said + FLOOR))}
    return found


def curvature(reaction: np.ndarray) -> float:
    """Return the quadratic term of reaction times over equally spaced times from -1 to 1, over their mean."""
    at = np.linspace(-1, 1, len(reaction))
    return float(np.polyfit(at, reaction / np.mean(reaction), 2)[0])


def judge(measured: Measured) -> Judged:
    """Say in how many seeds the density explains more than the hazard, and whether curves are U-shaped."""
    (runs,) = measured.values()
    findings, series = [], {}
    for label in OWN:
        density, hazard = (_column(runs, label, name) for name in ("density", "hazard"))
        side = "density" if label in THROUGH else "hazard"
        won = density > hazard if label in THROUGH else density < hazard
        words = f"share of seeds in which reaction times of {label} follow the {side}, falling density"
        findings.append(finding(words, won.astype(float), fraction=True, at_least=0.9))
        curve = _column(runs, label, "curvature")
        findings.append(
            finding(
                f"curvature of reaction times of {label}, flat density",
                curve,
                at_least=0.0 if label in THROUGH else None,
            )
        )
        series[label] = {
            name: band(values[:, None])
            for name, values in (("density", density), ("hazard", hazard), ("curvature", curve))
        }
    return Judged(findings, series)


def _column(runs: Mapping[int, dict[str, Any]], label: str, name: str) -> np.ndarray:
    return column({seed: found[label] for seed, found in runs.items()}, name)


CLAIM = Claim(
    "H4",
    "Set-Go: reaction times follow the density, and are U-shaped where it is flat",
    "Grabenhorst et al. 2019, 2026",
    (GO,),
    measure,
    judge,
)
