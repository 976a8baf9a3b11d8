"""Beyond: how fast probability should be learned in a stable and in a volatile world."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.analysis.bands import band, jsonable
from spikewhen.analysis.observers import HAZARD, Seen, expected_probability, probability_starts
from spikewhen.analysis.views import read_task
from spikewhen.examples.yamada_chao_2026.claims.rules import changed, local, surprised
from spikewhen.experiments.study.claim import Claim, Finding, Judged, Measured, column, finding, paired
from spikewhen.experiments.study.protocol import Protocol, blocks
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording

RATES = (0.01, 0.02, 0.05, 0.1, 0.2)
AT = (300, 600)
SHUT = {"kind": "window", "baseline": 0.0, "half_width_ms": 1e-3}


def _readout(**what) -> Any:
    """Return the local rule of which only "what" learns."""
    return changed(
        local(), eta=0.0, gate=SHUT, what={"anneal": False, "surprise": 0.0, "restart": 0.0, **what}
    )


VARIANTS: dict[str, Any] = {
    **{f"fixed_{r:g}": _readout(eta_w=r) for r in RATES},
    **{f"annealed_{r:g}": _readout(eta_w=r, anneal=True) for r in RATES},
    "surprise": changed(surprised(), eta=0.0, gate=SHUT),
    "restart": _readout(anneal=True, restart=0.35),
}
LEVELS = (0.8, 0.2, 0.6, 0.9, 0.3)
KEPT = (
    'record.spikes="none"',
    "record.trials=true",
    "record.readouts_every_ms=50.0",
    "paradigm.probe_repeats=0",
    'simulation.precision="float32"',
)
STABLE = Protocol(
    "volatility_stable", (blocks(*(((p, 1 - p), AT) for p in LEVELS), trials=100), *KEPT), VARIANTS
)
VOLATILE = Protocol(
    "volatility_volatile", (blocks(*(((p, 1 - p), AT) for p in LEVELS * 4), trials=20), *KEPT), VARIANTS
)
PROTOCOLS = {"a switch every 100 trials": STABLE, "a switch every 20 trials": VOLATILE}
ANY = np.array([1.0, 1.0, 0.0])
"""Prior of the observers: any p(A) is as likely as any other, and an event always comes, as here it does."""
OBSERVERS = {
    "change_point": "the change-point observer",
    "change_point_matched": "the change-point observer that knows how often p changes",
}


def observed(seen: Seen, hazard: float) -> np.ndarray:
    """Return p(A) (n,) as expected before every trial by an observer for whom it changes at a hazard."""
    starts = zip(
        seen.cue, probability_starts(seen, ANY, hazard), strict=False
    )  # the last is of after the run
    return np.array([expected_probability(s, seen, int(cue), ANY)[0] for cue, s in starts])


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Return RMSE of p-hat(A) before every trial, of each variant and of two change-point observers."""
    task = read_task(recording)
    truth = task.of_trials(task.probability)[:, 0]
    p_hat = {label: recording[schema.readout(label, "trials", "p_hat")][:, 0] for label in recording.labels}
    p_hat["change_point"] = observed(task.seen, HAZARD.probability)
    p_hat["change_point_matched"] = observed(task.seen, len(task.probability) / truth.size)
    in_block = np.arange(truth.size) - task.first_trial[task.trial_block]
    length = int(in_block.max()) + 1
    later = task.trial_block > 0
    came = task.seen.event == 0
    out: dict[str, Any] = {"truth": truth, "rmse": {}, "course": {}, "brier": {}}
    out["brier"]["true p"] = np.mean(2 * (truth - came) ** 2)  # of both events, p(B) being 1 - p(A)
    for label, values in p_hat.items():
        wrong = np.clip(values, 0, 1) - truth
        out["brier"][label] = np.mean(2 * (np.clip(values, 0, 1) - came) ** 2)
        out["rmse"][label] = np.sqrt(np.mean(wrong**2))
        out["course"][label] = [np.sqrt(np.mean(wrong[later & (in_block == i)] ** 2)) for i in range(length)]
    return jsonable(out)


def judge(measured: Measured) -> Judged:
    """RMSE of p-hat: the best fixed rate, annealing and surprise beside change-point observers."""
    findings: list[Finding] = []
    series: dict[str, Any] = {"rates": RATES}
    for name, protocol in PROTOCOLS.items():
        runs = measured[protocol.name]
        rmse = {label: column(runs, "rmse", label) for label in (*VARIANTS, *OBSERVERS)}
        best = min((k for k in VARIANTS if k.startswith("fixed")), key=lambda k: float(rmse[k].mean()))
        findings += [
            *(finding(f"RMSE of p-hat, {text}, {name}", rmse[k]) for k, text in OBSERVERS.items()),
            *(finding(f"RMSE of p-hat, {k.replace('_', ' ')}, {name}", rmse[k]) for k in VARIANTS),
            paired(
                f"RMSE, surprise-scaled minus the best fixed rate ({best.removeprefix('fixed_')}), {name}",
                rmse["surprise"],
                rmse[best],
                below=0.0,
            ),
            *(
                paired(f"RMSE, {a} minus {text}, {name}", rmse[key], rmse[k])
                for k, text in OBSERVERS.items()
                for a, key in (
                    ("surprise-scaled", "surprise"),
                    ("restarted", "restart"),
                    ("annealed 0.1", "annealed_0.1"),
                )
            ),
        ]
        findings += [
            finding(
                f"Brier score of {label.replace('_', ' ')} minus that of the true p, {name}",
                column(runs, "brier", label) - column(runs, "brier", "true p"),
            )
            for label in ("annealed_0.05", "surprise", *OBSERVERS)
        ]
        series[name] = {
            "rmse": {label: band(v) for label, v in rmse.items()},
            "course": {label: band(column(runs, "course", label)) for label in (*VARIANTS, *OBSERVERS)},
        }
    return Judged(findings, series)


CLAIM = Claim(
    "V", "Rates for stable and for volatile worlds", "not published", (STABLE, VOLATILE), measure, judge
)
