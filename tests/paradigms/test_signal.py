"""A continuous target: sums of sines in runs that follow each other, then a free run."""

import numpy as np
import pytest
from lively import lively_network, make_trainer, small_grid

from spikewhen.paradigms.signal import Signal
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.rules import RLS, Gate


def test_the_target_is_the_sum_of_sines_and_its_phase_goes_on():
    s = Signal((5.0, 2.0), (1.0, 0.5), duration_ms=330.0, trials=3).plan(0, 0.5)
    whole = np.concatenate([s.teaching(i).signal[:, 0] for i in range(3)])
    t = 0.5 * np.arange(1, whole.size + 1) / 1000
    expected = np.sin(2 * np.pi * 5 * t) + 0.5 * np.sin(2 * np.pi * 2 * t)
    np.testing.assert_allclose(whole, expected, atol=1e-12)


def test_runs_follow_without_a_gap_and_one_probe_runs_free():
    s = Signal(duration_ms=100.0, trials=3).plan(1, 1.0)
    assert not s.trials.interval_ms.any() and not s.probes.interval_ms.any()
    assert s.probes.after_trial.tolist() == [3]
    assert (s.n_cues, s.n_channels) == (0, 1)
    assert not s.inputs(0).any() and s.probe_inputs(0).shape == (100, 1)


def test_force_keeps_a_fed_back_output_on_the_sine_while_it_learns():
    rule = RLS(alpha=0.1, interval_ms=1.0, what=None, factored=False, gate=Gate(kind="none"))
    trainer = make_trainer(
        Signal((10.0,), (1.0,), duration_ms=400.0),
        {"force": rule},
        network=lively_network(0.1, n_cues=0, n_channels=1, feedback_pa=600.0),
        grid=small_grid(noise=0.0),
    )
    trainer.run()
    recording = trainer.sink.recording
    error = recording[schema.readout("force", "trials", "y")][0] - trainer.session.target(0)
    assert np.sqrt(np.mean(error**2)) < 0.4 < np.sqrt(0.5)
    assert recording[schema.readout("force", "probes", "y")].shape == (1, 400, 1)
    assert recording[schema.readout("force", "probes", "y")].any()


@pytest.mark.parametrize(
    "make, field",
    [
        (lambda: Signal((5.0,), (1.0, 2.0)), "amplitude"),
        (lambda: Signal((), ()), "amplitude"),
        (lambda: Signal((0.0,), (1.0,)), "frequency_hz"),
        (lambda: Signal(trials=0), "trials"),
        (lambda: Signal(duration_ms=10.5).plan(0, 1.0), "paradigm.duration_ms"),
    ],
)
def test_mistakes_are_named(make, field):
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value).startswith(f"{field} = ")
