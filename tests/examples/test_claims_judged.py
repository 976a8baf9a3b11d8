"""What claims make of numbers that are made up, so that the verdict is known: no network is simulated."""

import numpy as np
import pytest

from spikewhen.examples.yamada_chao_2026.claims import (
    calibration,
    generality,
    least_squares,
    recalibration,
    shared,
    timing,
)
from spikewhen.examples.yamada_chao_2026.claims.rules import local
from spikewhen.experiments.study.claim import FAILS, HOLDS, OPEN

SEEDS = range(12)
TRIAL = list(shared.EVERY)
RNG = np.random.default_rng(0)


def found(judged, *words):
    """Return the findings that hold all of these words."""
    return [f for f in judged.findings if all(w in f.what for w in words)]


def course(end, start=1.0, tau=10.0):
    return (end + (start - end) * np.exp(-np.array(TRIAL) / tau) + 0.01 * RNG.standard_normal()).tolist()


@pytest.mark.parametrize(("excess", "verdict"), [(1.0, HOLDS), (2.0, FAILS)])
def test_c2_asks_for_the_scatter_of_its_own_rate(excess, verdict):
    measured = {}
    for protocol in calibration.CLAIM.protocols:
        p = np.array([b.probability for b in protocol.experiment().paradigm.blocks]).reshape(-1, 2)
        sd = excess * calibration.own_rms(p, local().what.eta_w)
        line = {"r": 0.97, "slope": 1.0, "r_event": [0.97, 0.97]}
        measured[protocol.name] = {
            s: {
                label: {
                    **dict.fromkeys(calibration.OUTPUTS, line),
                    "probability": p,
                    "values": dict.fromkeys(calibration.OUTPUTS, p + sd * RNG.standard_normal(p.shape)),
                }
                for label in protocol.rules
            }
            for s in SEEDS
        }
    judged = calibration.judge(measured)
    assert [f.verdict for f in found(judged, "RMS of p-hat")] == [verdict] * 3
    assert not any(f.required for f in found(judged, "r of"))


def test_c3_has_one_value_per_seed_at_every_latency():
    measured = {
        p.name: {
            s: {
                "latency_ms": list(pair),
                "error_ms": [2.0 + s, 4.0 + s],
                "detected": [1.0, 1.0],
                "half_width_ms": [40.0, 40.0],
            }
            for s in SEEDS
        }
        for p, pair in zip(timing.LATENCIES, timing.PAIRS, strict=True)
    }
    measured[shared.SWITCHES.name] = {s: {"error_ms": [3.0, 5.0] * 5} for s in SEEDS}
    judged = timing.judge(measured)
    assert {f.n for f in found(judged, "timing error at")} == {len(SEEDS)}
    (twice,) = found(judged, "timing error at 500 ms")
    assert twice.mean == pytest.approx(3 + np.mean(SEEDS))  # last of one pair and first of another


FLAT = ("residual", "amplitude", "p_hat", "amplitude_y")


def curves_of(error):
    """Return what a claim keeps of blocks with these courses of E."""
    return {
        "trial": [TRIAL] * len(error),
        "error": error,
        "error_change_point": error,
        "error_relative": [[e / c[0] for e in c] for c in error],
        **{name: [[[0.5, 0.5]] * len(TRIAL)] * len(error) for name in FLAT},
    }


@pytest.mark.parametrize(("tau", "verdict"), [(3.0, HOLDS), (60.0, FAILS)])
def test_c4_compares_with_the_mean_of_naive_networks(tau, verdict):
    """One naive network whose probes happened to be good sets no bar: the group does."""
    switched = {
        s: {
            "curves": curves_of([course(0.2, 1.0, tau) for _ in range(5)]),
            "overshoot": np.zeros((5, 2)),
            "ridge": [0.2] * 5,
            "shares": [[0.8, 0.2]] * 5,
            "surprise": {"curves": curves_of([course(0.2, 1.0, tau) for _ in range(5)])},
        }
        for s in SEEDS
    }
    measured = {shared.SWITCHES.name: switched}
    for protocol in shared.NAIVE:
        measured[protocol.name] = {
            s: {
                "curves": curves_of([course(0.1 if s == 0 else 0.22, 1.0, 8.0)]),
                "overshoot": np.zeros((1, 2)),
            }
            for s in SEEDS
        }
    judged = recalibration.judge(measured)
    needed = found(judged, "trials to within 10 % of the mean E of naive networks")
    assert [f.verdict for f in needed] == [verdict] * 3 and all("(0.2" in f.what for f in needed)
    assert [f.verdict for f in found(judged, "E(50) / E(1) of the block")] == [verdict] * 3
    assert found(judged, "share of event A", "timing")[0].mean == pytest.approx(0.8)


def test_c5_judges_both_wordings_and_counts_false_alarms():
    ends = {"local": 12.0, "rls_tuned": 25.0, "rls_never_reset": 90.0, "rls_reset": 8.0, "rls_surprise": 8.0}
    cost = {"operations per second": 1.0, "bytes of state": 1.0}

    def entry(tau, blocks=5):
        return {"curves": curves_of([course(0.2, 1.0, tau) for _ in range(blocks)]), "cost": cost}

    few = (*least_squares.CELLS, *least_squares.MEMORIES)
    measured = {
        shared.LEAST_SQUARES.name: {
            s: {k: entry(tau) for k, tau in ends.items()} | {"rls_surprise": entry(8.0) | {"resets": 8}}
            for s in SEEDS
        },
        least_squares.FACTORIAL.name: {s: {k: entry(12.0, 3) for k in few} for s in SEEDS},
        least_squares.THEIR_NETWORK.name: {s: {k: entry(tau, 3) for k, tau in ends.items()} for s in SEEDS},
        shared.STATIONARY.name: {
            s: {"trials": 500, "resets": {f"above_{a:g}": int(a < 0.2) for a in shared.ABOVE}} for s in SEEDS
        },
    }
    judged = least_squares.judge(measured)
    assert {f.verdict for f in found(judged, "stable recalibration")} == {HOLDS}
    assert {f.verdict for f in found(judged, "FORCE needs resets", "20 trials")} == {HOLDS}
    assert {f.verdict for f in found(judged, "local minus RLS that never forgets", "20 trials")} == {HOLDS}
    assert {f.verdict for f in found(judged, "resets a channel at its own surprise, 20 trials")} == {FAILS}
    # At the end of a block all are alike: what one interval in twenty shows by chance is not shown.
    assert OPEN in {f.verdict for f in found(judged, "local minus best-tuned RLS, 100 trials")}
    alarms = found(judged, "false alarms per 100 stationary trials (of 6000)")
    assert [f.mean for f in alarms] == pytest.approx([0.2, 0, 0])
    theirs = found(judged, "local minus RLS reset", "network chosen for RLS")
    assert len(theirs) == 6 and {f.family for f in theirs} != {judged.rests_on.family}
    assert judged.rests_on.family == "local minus RLS (48 tests, Holm)"


def test_g_asks_for_less_than_equal_p_and_for_the_ceiling():
    def run(error, ridge, equal):
        noise = 0.005 * RNG.standard_normal(3)
        numbers = dict(
            zip(
                ("error", "error_ridge", "error_equal_p"),
                np.array([error, ridge, equal]) + noise,
                strict=True,
            )
        )
        return numbers | {"timing_error_ms": [3.0, 3.0]}

    measured = {p.name: {s: run(0.3, 0.25, 0.5) for s in SEEDS} for p in generality.TASKS.values()}
    measured["general_four_cues"] = {s: run(0.6, 0.35, 0.58) for s in SEEDS}  # better than silence, and poor
    measured[generality.STABILITY.name] = {
        s: {
            "health": {"rate_hz": 4.0 + 0.01 * s},
            "ends": {"local": [0.3, 0.4], "local_merged": [0.4, 2.9 if s == 3 else 0.5]},
        }
        for s in SEEDS
    }
    judged = generality.judge(measured)
    assert {f.verdict for f in found(judged, "4 cues") if f.required} == {FAILS}
    assert {f.verdict for f in found(judged, "2 cues") if f.required} == {HOLDS}
    (ours,) = found(judged, "networks in which local ends")
    (merged,) = found(judged, "networks in which local_merged ends")
    assert ours.verdict == HOLDS and merged.verdict != HOLDS
