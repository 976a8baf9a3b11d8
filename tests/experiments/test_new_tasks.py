"""Streams and intervals from end to end on a tiny network: scored by name, drawn, refused in one line."""

import numpy as np
import pytest

import spikewhen as sw
from spikewhen.analysis.figures import FIGURES
from spikewhen.analysis.figures.sheet import paper
from spikewhen.analysis.score_names import SCORES
from spikewhen.analysis.score_omission import score_omission
from spikewhen.paradigms.graded_omission import GradedOmission
from spikewhen.paradigms.ready_set_go import Prior, ReadySetGo
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.network import NetworkSpec
from spikewhen.reservoir.record import RecordSpec
from spikewhen.reservoir.rules import Gate, ThreeFactor, WhatReadout

PACE: dict = dict(onset_to_onset_ms=150.0, item_ms=50.0, lead_ms=100.0)
SHARES = (0.0, 0.2, 0.6, 0.8)
RULE = ThreeFactor(eta=0.01, gate=Gate(kind="epoch"), what=WhatReadout(window_end_ms=100.0))
TASKS = {
    "graded_omission": GradedOmission(items=40, share_b=SHARES, share_omitted=0.1, **PACE),
    "ready_set_go": ReadySetGo(
        (Prior(240.0, 400.0, 3),), trials_per_block=4, probes_every=2, probe_repeats=2
    ),
}


def tiny(task, spikes="all"):
    return sw.run(
        sw.Experiment(
            network=NetworkSpec(n_neurons=60, out_degree=10),
            paradigm=task,
            rules={"local": RULE},
            record=RecordSpec(spikes=spikes, readouts_every_ms=10.0),
        ),
        progress=False,
    )


@pytest.mark.parametrize("name", TASKS)
def test_a_run_is_scored_by_name_and_drawn(name):
    result = tiny(TASKS[name])
    found = result.scores("local")
    assert set(found) <= set(SCORES) and len(found) >= 7
    for figure in TASKS[name].figures:
        with paper():
            assert FIGURES[figure].draw([result]).rows and FIGURES[figure].caption([result])
    if name == "graded_omission":
        assert 0 <= found["omission_share"][0] <= 1 and 0 < found["omission_share_p"][0] <= 1
        assert found["calibration_r_p_hat"][0] > 0.5, "p-hat follows the shares"
        assert sorted(result["/blocks/share_b"]) == list(SHARES)
    else:
        assert np.isfinite(found["production_missed"]).all() and "error" in found


def test_cells_can_be_scored_only_where_all_spikes_are_kept():
    with pytest.raises(InputError, match=r"record\.spikes = 'subset': all"):
        score_omission(tiny(TASKS["graded_omission"], "subset"))
