"""Scores, tables and figures of runs that were probed before their first trial."""

import numpy as np
import pytest
import small

from spikewhen import open_run

BLOCKS = (
    "paradigm.blocks=[{probability=[[0.8,0.2]],latency_ms=[[200.0,400.0]]},"
    "{probability=[[0.2,0.8]],latency_ms=[[250.0,400.0]]}]"
)


@pytest.fixture(scope="module", params=["[0, 1, 2]", "[0]"])
def done(request, tmp_path_factory):
    """A run in its file, with the geometry in the activity."""
    folder = tmp_path_factory.mktemp("probed")
    options = ("--set", f"paradigm.probes_after={request.param}", "--set", BLOCKS, "--record", "all")
    said = small.spikewhen("run", small.write(folder), *options, "--out", folder / "out", "--seeds", "0")
    assert said.exit_code == 0, said.stderr
    (path,) = (folder / "out").glob("*.h5")
    return folder / "out", open_run(path), len(request.param) > 3


def test_an_untaught_readout_scores_silence(done):
    _, result, more = done
    for label in result.labels:
        scores = result.scores(label)
        before = (scores["block"] == 0) & (scores["trial"] == 0)
        assert scores["error"][before].tolist() == [1.0]
        assert not scores["amplitude"][before].any() and not scores["p_hat"][before].any()
        assert np.isnan(scores["timing_error_ms"][before]).all()
        assert scores["trial"].tolist() == ([0, 1, 2, 0, 1, 2] if more else [0, 0])
        assert scores["trials_to_settle"].shape == (2,)
        assert scores["error"].size == scores["trial"].size and np.isfinite(scores["error"]).all()


def test_the_second_block_is_probed_before_its_first_trial_with_the_weights_of_the_first(done):
    _, result, _ = done
    weights = result.weights("local")
    w, after = np.asarray(weights.w), weights.after_trial.tolist()
    assert after[0] == 0 and not w[0].any() and w[after.index(2)].any()
    assert result.probes["after_trial"][result.probes["block"] == 2].min() == 2


def test_a_figure_has_a_place_for_trial_0(done):
    folder, result, more = done
    if more:
        ax = result.plot.learning(label="local")
        assert ax.get_xlim()[0] < 0 and 0 in ax.get_xticks() and ax.get_xscale() == "symlog"
    said = small.spikewhen("figures", folder)
    assert said.exit_code == 0, said.stderr
    assert list((folder / "figures").glob("*.pdf"))
