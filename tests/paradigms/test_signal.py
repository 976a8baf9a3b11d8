"""A continuous target: sums of sines in runs that follow each other, then a free run."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from lively import lively_network, make_trainer, small_grid
from scipy.integrate import solve_ivp
from small import spikewhen

from spikewhen import Experiment, load_config, run
from spikewhen.analysis.figures import free_run
from spikewhen.experiments.result import open_run
from spikewhen.paradigms.signal import Signal
from spikewhen.paradigms.waveforms import START
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.rules import LMS, RLS, Gate


def test_the_target_is_the_sum_of_sines_and_its_phase_goes_on():
    s = Signal((5.0, 2.0), (1.0, 0.5), duration_ms=330.0, trials=3).plan(0, 0.5)
    whole = np.concatenate([s.teaching(i).signal[:, 0] for i in range(3)])
    t = 0.5 * np.arange(1, whole.size + 1) / 1000
    expected = np.sin(2 * np.pi * 5 * t) + 0.5 * np.sin(2 * np.pi * 2 * t)
    np.testing.assert_allclose(whole, expected, atol=1e-12)


def test_a_song_is_sung_note_by_note_over_and_over():
    s = Signal(waveform="song", duration_ms=4000.0, trials=2).plan(0, 1.0)
    assert s.events == tuple(f"signal_{k + 1}" for k in range(5)) and s.own.shape == (12_000, 5)
    first = s.target(0)
    assert np.array_equal(s.target(1), first) and np.array_equal(s.target(2), first)
    loudest = first[99::250].argmax(1)  # in every quarter
    assert loudest.tolist() == [2, 2, 3, 4, 4, 3, 2, 1, 0, 0, 1, 2, 2, 2, 1, 1]
    assert ((first > 0).sum(1) <= 1).all() and first.min() >= 0 and first.max(0) == pytest.approx(1)
    assert first[249] == pytest.approx(0, abs=1e-9), "a note ends where the next begins"


def test_the_lorenz_system_is_what_its_equations_say():
    """Held against SciPy, at first; later chaos parts any two integrations."""
    s = Signal(waveform="lorenz", duration_ms=1000.0, trials=1).plan(0, 0.5)
    scale, shift = np.array([20.0, 27.0, 25.0]), np.array([0.0, 0.0, 25.0])

    def flow(_, v):
        return 10 * (v[1] - v[0]), v[0] * (28 - v[2]) - v[1], v[0] * v[1] - 8 / 3 * v[2]

    t = s.time_ms / 400
    found = solve_ivp(flow, (0, t[-1]), START, t_eval=t, rtol=1e-11, atol=1e-11).y.T
    np.testing.assert_allclose(s.target(0) * scale + shift, found, atol=1e-4)
    long = Signal(waveform="lorenz", duration_ms=20_000.0).plan(0, 2.0)
    assert np.abs(long.own).max() < 1.05 and (long.own.std(0) > 0.25).all(), "on its attractor"
    assert np.array_equal(long.own, np.concatenate([long.target(0), long.target(1)]))


@pytest.mark.parametrize("waveform", ["song", "lorenz"])
def test_a_shipped_signal_is_part_of_the_name_and_sines_are_not(waveform):
    plain, other = (
        Experiment(paradigm=Signal(waveform=w), rules={"a": LMS(what=None, factored=False)}).resolved(0)
        for w in ("sines", waveform)
    )
    assert "waveform" not in plain["paradigm"] and other["paradigm"]["waveform"] == waveform
    size, s = Signal(waveform=waveform).size(1.0), Signal(waveform=waveform).plan(0, 1.0)
    assert size.n_channels == s.n_channels and set(s.blocks) == {"signal"}


def test_a_shipped_signal_excludes_sines_and_an_array():
    with pytest.raises(InputError, match=r'frequency_hz = .*nothing beside waveform = "song"'):
        Signal((3.0,), (1.0,), waveform="song")
    with pytest.raises(InputError, match=r"waveform = .*nothing beside a target of one's own"):
        Signal(target=np.zeros(100), waveform="song")


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


def rows(n, k=2):
    return np.random.default_rng(0).random((n, k))


def test_an_own_target_of_one_run_is_taught_in_every_run():
    target = rows(100)
    s = Signal(target=target, duration_ms=50.0, trials=3).plan(0, 0.5)
    assert s.events == ("signal_1", "signal_2") and s.n_channels == 2 and s.inputs(0).shape == (100, 2)
    assert all(np.array_equal(s.target(i), target) for i in range(4))
    assert np.array_equal(s.teaching(1).signal, target) and s.blocks.keys() == {"signal"}


def test_an_own_target_of_all_runs_goes_on_into_the_free_run():
    target = rows(400, 1)[:, 0]
    s = Signal(target=target, duration_ms=100.0, trials=3).plan(0, 1.0)
    assert s.events == ("signal",)
    assert np.array_equal(np.concatenate([s.target(i)[:, 0] for i in range(4)]), target)


def test_an_own_target_is_part_of_what_a_run_is_called():
    def experiment(array):
        return Experiment(
            paradigm=Signal(target=array, duration_ms=100.0), rules={"a": LMS(what=None, factored=False)}
        )

    a, b = rows(100), rows(100)
    b[7, 1] += 1e-12
    assert experiment(a).run_id(0) == experiment(a.tolist()).run_id(0) != experiment(b).run_id(0)
    assert experiment(a[:, 0]).run_id(0) == experiment(a[:, :1]).run_id(0)
    assert experiment(a).resolved(0)["paradigm"]["target"]["shape"] == [100, 2]
    assert (
        "target"
        not in Experiment(paradigm=Signal(), rules={"a": LMS(what=None, factored=False)}).resolved(0)[
            "paradigm"
        ]
    )


def test_the_array_is_taken_as_it_was():
    target = rows(100)
    spec = Signal(target=target, duration_ms=100.0)
    before = target.copy()
    target[:] = 9
    assert np.array_equal(spec.plan(0, 1.0).target(0), before)
    assert pickle.loads(pickle.dumps(spec)) == spec == replace(spec, trials=1) != replace(spec, trials=2)


CONFIG = """
network = { n_neurons = 40, out_degree = 10 }
simulation = { settle_ms = 0.0 }
rules.a = { rule = "lms", what = "none", factored = false }
[paradigm]
name = "signal"
duration_ms = 100.0
target = "mine.npy"
"""


def test_a_file_beside_the_config_is_learned_scored_and_drawn(tmp_path, monkeypatch):
    """The name of the run knows the file's numbers, not its place."""
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.toml").write_text(CONFIG)
        np.save(tmp_path / folder / "mine.npy", rows(100).astype(np.float32))
    monkeypatch.chdir(tmp_path)
    here, there = (load_config(f"{folder}/a.toml") for folder in ("here", "there"))
    assert here.run_id(0) == there.run_id(0)
    result = run(here, progress=False)
    assert result.events == ("signal_1", "signal_2")
    assert np.array_equal(result["/blocks/signal"], rows(100).astype(np.float32))
    y = result.readout("a").y.array[0]
    expected = np.sqrt(np.mean((y - result["/blocks/signal"]) ** 2))
    assert result.scores("a")["free_rmse"] == pytest.approx(expected, rel=1e-12)
    assert np.isnan(result.scores("a")["free_frequency_hz"])
    assert free_run.draw([result]) and free_run.caption([result])
    (tmp_path / "out").mkdir()
    assert spikewhen("run", "here/a.toml", "--out", "out").exit_code == 0
    (kept,) = (tmp_path / "out").glob("*.h5")
    assert np.array_equal(open_run(kept)["/blocks/signal"], result["/blocks/signal"]), (
        "a file can be read again"
    )
    shown = spikewhen("config", "show", "here/a.toml").stdout
    (tmp_path / "shown.toml").write_text(shown)
    assert load_config("shown.toml").run_id(0) == here.run_id(0)


@pytest.mark.parametrize(
    "target, line",
    [
        (np.zeros(99), "paradigm.target = '99 row(s)': 100 rows, one per readout step of duration_ms"),
        (np.zeros((2, 3, 4)), "target = 'ndarray of shape (2, 3, 4)': a .npy file, or an array, of finite"),
        (np.zeros(0), "target = 'ndarray of shape (0,)'"),
        ([[1.0], [1.0, 2.0]], "target = 'list of shape unclear'"),
        (["a", "b"], "target = 'list of shape (2,)'"),
        (np.array([1.0, np.nan]), "target[1, 0] = nan: a finite number"),
        (np.ma.masked_array(np.zeros(100), np.zeros(100)), "target = 'MaskedArray of shape (100,)'"),
        ("nowhere.npy", "target = 'nowhere.npy': an existing .npy file"),
        (__file__, f"target = {__file__!r}: a .npy file as numpy.save writes it"),
        ({"sha256": "abc", "shape": [1, 1]}, "target = 'abc': the array itself"),
        (3.0, "target = 'float of shape ()'"),
        (None, "target = 'NoneType of shape ()'"),
    ],
    ids=str,
)
def test_an_own_target_that_cannot_be_is_refused_in_one_line(target, line):
    with pytest.raises(InputError) as caught:
        Signal(target=target, duration_ms=100.0).plan(0, 1.0)
    assert (
        str(caught.value).startswith(line) and "\n" not in str(caught.value) and len(str(caught.value)) < 300
    )


def test_a_file_that_claims_more_than_it_holds_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.npy"
    with open(path, "wb") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": (2**50,)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(InputError, match="writes it, of numbers"):
        Signal(target=path)


def test_sines_beside_an_own_target_are_refused():
    with pytest.raises(InputError, match=r"frequency_hz = .*nothing beside a target of one's own"):
        Signal((3.0,), (1.0,), target=np.zeros(100))


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
