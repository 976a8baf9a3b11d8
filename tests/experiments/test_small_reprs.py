"""What a user prints is short, however long its arrays are."""

import numpy as np

from spikewhen.analysis.noise_budget import Budget
from spikewhen.experiments.noise_budget import NoiseBudget
from spikewhen.reservoir.files.recording import Recording


def test_a_recording_shows_itself_in_one_line():
    arrays = {f"/probes/{i}": np.arange(10.0**5) for i in range(3)}
    assert repr(Recording(arrays, {"/": {"run_id": "abc"}})) == "<recording abc: 3 arrays>"
    assert repr(Recording()) == "<recording without a name: 0 arrays>"


def test_a_noise_budget_shows_itself_in_a_few_lines():
    whole = np.zeros((2, 100, 1000))
    budget = Budget(0.3, 0.0, 0.0, 0.05, 0.0, 0.35)
    found = NoiseBudget(
        budgets={"local": budget, "ridge": budget},
        quiet={"local": 0.3, "ridge": 0.2},
        conditions=("low", "high"),
        time_ms=np.arange(100.0),
        mean=whole,
        variance=whole,
        reliability=whole[:, 0],
        signal=np.array([0.5, 0.75]),
        dimension=np.array([10.0, 12.0]),
        rate_hz=whole[:, 0],
    )
    text = repr(found)
    assert len(text.splitlines()) < 10 and max(map(len, text.splitlines())) <= 160
    assert "local" in text and "noise 0.050" in text and "0.50 0.75" in text
    assert len(found._repr_html_()) < 2000
