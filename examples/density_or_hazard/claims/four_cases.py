"""H1 to H3: factored or merged, taught through or stopped at the event, four expectations follow.

A readout's *own* expectation is the one that the average of its gate says (docs/tasks.md): the density
where it is taught through the trial; stopped at the event, the delivered hazard where it is factored,
and the hazard where it is merged. The claim is that E against its own is below E against both others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spikewhen.analysis.bands import band
from spikewhen.analysis.score_names import stored
from spikewhen.experiments.study.claim import Claim, Judged, Measured, column, paired
from spikewhen.experiments.study.protocol import Protocol
from spikewhen.reservoir.files.recording import Recording

TARGETS = {"density": "error", "hazard": "error_hazard", "delivered": "error_delivered"}
"""The score of E against each expectation."""

OWN = {
    "local": "density",
    "local_merged": "density",
    "local_stopped": "delivered",
    "local_merged_stopped": "hazard",
}
"""The expectation that each readout is to follow."""

SMALL = (
    "network.n_neurons=200",
    "network.out_degree=100",
    "simulation.dt_ms=0.5",
)
"""Half the cells of the configs and longer steps, which costs a third and leaves the four cases apart."""

OMITTED = (*SMALL, "paradigm.p_reward=[0.9]", "paradigm.trials_per_block=800", "paradigm.probes_every=400")
"""One block, with omissions: without them both hazards are one."""

REWARD = Protocol("reward_timing", OMITTED)
GO = Protocol("set_go", (*SMALL, "paradigm.probes_every=440"), config="set_go.toml")
HEARD = Protocol("reward_heard", (*OMITTED, "paradigm.stimulus_drives_reservoir=true"))


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Take E of every readout against each expectation, mean over blocks with omissions, at their ends."""
    p = np.asarray(recording["/blocks/p_event"])[:, 0, 0]
    found: dict[str, Any] = {}
    for label in OWN:
        scores = stored(recording, label)
        ends = [np.flatnonzero(scores["block"] == b)[-1] for b in np.flatnonzero(p < 1)]
        found[label] = {name: float(np.mean(scores[key][ends])) for name, key in TARGETS.items()}
    return found


def judge(measured: Measured) -> Judged:
    """Compare E against the own expectation with the lower of the two others, seed by seed."""
    (runs,) = measured.values()
    findings, series = [], {}
    for label, own in OWN.items():
        error = {name: _column(runs, label, name) for name in TARGETS}
        others = np.minimum(*(error[name] for name in TARGETS if name != own))
        words = f"E of {label} against its own ({own}) minus the lower of the others"
        findings.append(paired(words, error[own], others, below=0.0))
        series[label] = {name: band(values[:, None]) for name, values in error.items()}
    return Judged(findings, series, rests_on=findings[-1])


def judge_heard(measured: Measured) -> Judged:
    """Through or stopped, the network that hears the event expects by a hazard rather than the density."""
    (runs,) = measured.values()
    findings, series = [], {}
    for label in OWN:
        error = {name: _column(runs, label, name) for name in TARGETS}
        hazard = np.minimum(error["hazard"], error["delivered"])
        words = f"E of {label} against the better hazard minus that against the density"
        findings.append(paired(words, hazard, error["density"], below=0.0))
        series[label] = {name: band(values[:, None]) for name, values in error.items()}
    return Judged(findings, series, rests_on=findings[0])


def _column(runs: Mapping[int, dict[str, Any]], label: str, name: str) -> np.ndarray:
    return column({seed: found[label] for seed, found in runs.items()}, name)


CLAIMS = (
    Claim(
        "H1", "Reward timing: four readouts, three expectations", "not published", (REWARD,), measure, judge
    ),
    Claim("H2", "Set-Go: four readouts, three expectations", "not published", (GO,), measure, judge),
    Claim(
        "H3",
        "A network that hears the event expects by the hazard",
        "not published",
        (HEARD,),
        measure,
        judge_heard,
    ),
)
