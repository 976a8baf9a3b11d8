"""Scores of sequences of five tones: made-up listeners are told apart."""

import numpy as np
import pytest
from planned import planned_run

from spikewhen.analysis.figures import FIGURES
from spikewhen.analysis.figures.sheet import paper
from spikewhen.analysis.score_local_global import XX, XY, cells, read_sequences, score_local_global
from spikewhen.paradigms.local_global import LocalGlobal
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

SESSION = LocalGlobal().plan(0, 5.0)
X = SESSION.blocks["x"][0][SESSION.trials.block]
OFTEN_Y = SESSION.blocks["frequent_y"][0][SESSION.trials.block]
FIFTH = SESSION.trials.condition == 4


def run_of(x, y):
    """A listener that predicts x and Y with these strengths, (n,) each, at every moment."""
    z = np.zeros((FIFTH.size, SESSION.time_ms.size, 2))
    rows = np.arange(FIFTH.size)
    z[rows, :, X], z[rows, :, 1 - X] = (
        np.broadcast_to(x, FIFTH.shape)[:, None],
        np.broadcast_to(y, FIFTH.shape)[:, None],
    )
    return planned_run(SESSION, trials__y=z, trials__prediction=z)


def scores(x, y):
    return {name: float(value[0]) for name, value in score_local_global(run_of(x, y))["local"].items()}


def test_who_expects_repetition_shows_the_local_effect_alone():
    found = scores(0.9, 0.1)
    assert found == pytest.approx(
        dict(local_effect=0.8, global_effect=0, rare_y=0, rare_x=0, omission_effect=0), abs=1e-12
    )


def test_who_knows_the_rule_of_the_block_shows_the_global_effect():
    at_y = FIFTH & (OFTEN_Y == 1)
    found = scores(np.where(at_y, 0.2, 0.8), np.where(at_y, 0.8, 0.2))
    expected = dict(local_effect=0, global_effect=0.6, rare_y=0.6, rare_x=0.6, omission_effect=0)
    assert found == pytest.approx(expected, abs=1e-12)


def test_an_omission_is_answered_by_what_was_predicted_there():
    found = scores(np.where(OFTEN_Y == 1, 0.9, 0.5), 0.0)
    assert found["omission_effect"] == pytest.approx(0.4)


def test_introductory_sequences_do_not_count():
    s = read_sequences(run_of(0.5, 0.5), "local")
    for kind in (XX, XY):
        mine = s.kind == kind
        assert ((s.y != kind) & mine).sum() == 4 * 20, "all the rare ones"
        assert 4 * 60 < ((s.y == kind) & mine).sum() <= 4 * 80
        assert (s.y[mine] < 0).sum() == 4 * 5
    assert set(cells(s)) == {(k, y) for k in (XX, XY) for y in (-1, 0, 1)}


def test_what_is_predicted_at_the_onset_counts():
    z = np.zeros((FIFTH.size, SESSION.time_ms.size, 2))
    z[:, SESSION.time_ms <= 100] = 0.25
    found = read_sequences(planned_run(SESSION, trials__y=z, trials__prediction=z), "local")
    assert set(found.error.ravel()) == {0.75, 0.5}


def test_the_figure_and_the_scores_need_what_was_predicted_in_every_trial():
    run = run_of(0.9, 0.1)
    with paper():
        assert FIGURES["local_global"].draw([run]) and FIGURES["local_global"].caption([run])
    bare = planned_run(SESSION)
    with pytest.raises(InputError, match=r"record\.trials"):
        score_local_global(bare)
    del run.arrays[schema.block("frequent_y")]
    with pytest.raises(InputError, match="frequent_y"):
        score_local_global(run)
