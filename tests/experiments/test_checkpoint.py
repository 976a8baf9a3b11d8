"""A run that was stopped goes on where it was, and leaves the bytes of one that was not."""

import errno
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import fake_study
import numpy as np
import pytest
import small

from spikewhen.experiments.batch import carry_out_one
from spikewhen.experiments.config import load_config
from spikewhen.experiments.jobs import make_jobs
from spikewhen.experiments.run import simulated, write_file
from spikewhen.experiments.setup import prepare
from spikewhen.reservoir.backends import get_backend
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.checkpoint import CALLS, STATE, Checkpoint

FIRST = """[[paradigm.blocks]]
probability = [[0.2, 0.8]]
latency_ms = [[300.0, 400.0]]

"""
EVERYTHING = small.TEXT.replace("[[paradigm.blocks]]", FIRST + "[[paradigm.blocks]]")
EVERYTHING = EVERYTHING.replace("[record]", '[record]\nspikes = "all"\ncells = [0, 7]\ncells_every_ms = 10.0')
EVERYTHING = EVERYTHING.replace("trials_per_block = 2", "trials_per_block = 4")
RULES = """
[rules.told]
rule = "rls"
interval_ms = 5.0
memory_trials = 0
reset = "switch"

[rules.causal]
rule = "retrospective"
gate = { kind = "expectation" }

[rules.surprise]
rule = "rls_surprise"
interval_ms = 5.0

[rules.reward]
rule = "reward_hebbian"
gate = { kind = "reward" }
"""
CLOSED = EVERYTHING.replace("out_degree = 10", "out_degree = 10\nfeedback_pa = 20.0").replace(
    '[rules.rls]\nrule = "rls"\ninterval_ms = 5.0\n', ""
)
DELAYED = EVERYTHING.replace("out_degree = 10", "out_degree = 10\ndelay_min_ms = 1.0\ndelay_max_ms = 3.0")


class Stopped(KeyboardInterrupt):
    """What a signal raises."""


def stop_after(n):
    """Return a progress callback that raises at the n-th tick."""
    left = [n]

    def tick(done):
        left[0] -= done
        if left[0] < 0:
            raise Stopped

    return tick


def experiment_of(text):
    with tempfile.TemporaryDirectory() as folder:
        return load_config(small.write(Path(folder), text))


def write(path, setup, tick=None, version="1", every_s=0.0):
    checkpoint = Checkpoint(path, version, every_s)
    write_file(path, setup, simulated(setup), tick, None, checkpoint)


@pytest.mark.parametrize("text", [EVERYTHING + RULES, CLOSED, DELAYED], ids=["open", "closed", "delays"])
def test_a_run_stopped_anywhere_leaves_the_bytes_of_one_that_was_not(text, tmp_path):
    setup = prepare(experiment_of(text), 1)
    whole = tmp_path / "whole" / f"{setup.run_id}.h5"
    write_file(whole, setup, simulated(setup))
    ticks = setup.steps
    assert ticks > 10
    for n in range(1, ticks, 3):
        path = tmp_path / str(n) / whole.name
        with pytest.raises(Stopped):
            write(path, setup, stop_after(n))
        assert not path.exists() and not path.with_suffix(".partial").exists()
        write(path, setup)
        assert path.read_bytes() == whole.read_bytes(), n


def test_a_run_stopped_again_and_again_leaves_the_same_bytes(tmp_path):
    setup = prepare(experiment_of(EVERYTHING), 2)
    whole = tmp_path / "whole" / f"{setup.run_id}.h5"
    write_file(whole, setup, simulated(setup))
    path, stops = tmp_path / whole.name, 0
    while not path.exists():
        seen = []

        def tick(done, seen=seen):
            seen.append(done)
            if len(seen) > 3:  # the first tick tells what was done before
                raise Stopped

        try:
            write(path, setup, tick)
        except Stopped:
            stops += 1
            assert path.with_suffix(STATE).exists() and stops < 30
    assert stops >= 3 and path.read_bytes() == whole.read_bytes()


def test_what_is_done_is_not_done_again(tmp_path):
    setup = prepare(experiment_of(EVERYTHING), 1)
    path = tmp_path / f"{setup.run_id}.h5"
    with pytest.raises(Stopped):
        write(path, setup, stop_after(6))
    ticks = []
    write(path, setup, ticks.append)
    assert ticks[0] >= 4 and sum(ticks) == setup.steps


def test_a_checkpoint_of_another_version_is_refused_and_stays(tmp_path):
    setup = prepare(experiment_of(EVERYTHING), 1)
    path = tmp_path / f"{setup.run_id}.h5"
    with pytest.raises(Stopped):
        write(path, setup, stop_after(6))
    with pytest.raises(InputError, match="version 1"):
        write(path, setup, version="2")
    assert path.with_suffix(STATE).exists() and not path.exists()
    write(path, setup)


@pytest.mark.parametrize("end", [STATE, CALLS])
def test_a_damaged_checkpoint_is_refused(end, tmp_path):
    setup = prepare(experiment_of(EVERYTHING), 1)
    path = tmp_path / f"{setup.run_id}.h5"
    with pytest.raises(Stopped):
        write(path, setup, stop_after(6))
    damaged = path.with_suffix(end)
    data = bytearray(damaged.read_bytes())
    data[len(data) // 3] ^= 1
    damaged.write_bytes(data)
    with pytest.raises(InputError, match=end):
        write(path, setup)
    assert not path.exists()


def test_moments_are_kept_only_as_often_as_asked(tmp_path):
    seconds = iter(np.arange(0.0, 1000.0))
    path = tmp_path / "0123456789abcdef.h5"
    checkpoint = Checkpoint(path, "1", 4.0, clock=lambda: next(seconds))
    checkpoint.resume(None)
    written = []
    for i in range(12):
        checkpoint.offer(i, {"x": np.full(2, i)})
        written.append(path.with_suffix(STATE).exists() and path.with_suffix(STATE).stat().st_mtime_ns)
    assert written[2] is False and len({w for w in written if w}) in (2, 3)


def test_the_command_leaves_nothing_beside_a_finished_run(tmp_path):
    config = small.write(tmp_path)
    out = tmp_path / "out"
    done = small.spikewhen("run", config, "--seed", "0", "--out", out, "--checkpoint-every", "5min")
    assert done.exit_code == 0, done.output
    assert sorted(p.suffix for p in out.iterdir()) == [".h5", ".json", ".json"]
    refused = small.spikewhen("run", config, "--out", out, "--checkpoint-every", "often")
    assert refused.exit_code == 2 and "--checkpoint-every" in refused.output


def test_a_job_goes_on_where_a_stopped_one_was(tmp_path):
    experiment = experiment_of(EVERYTHING)
    (job,) = make_jobs("x", experiment, [3], tmp_path / "a")
    (other,) = make_jobs("x", experiment, [3], tmp_path / "b")
    job = replace(job, checkpoint_s=60.0)
    assert other.checkpoint() is None
    place = get_backend("cpu")
    with pytest.raises(Stopped):
        carry_out_one("cpu", place, 1, job, stop_after(7))
    assert job.path.with_suffix(STATE).exists(), "not kept when it was ended"
    ticks = []
    carry_out_one("cpu", place, 1, job, ticks.append)
    carry_out_one("cpu", place, 1, other, None)
    assert ticks[0] > 1 and job.path.read_bytes() == other.path.read_bytes()
    assert not list(job.path.parent.glob(f"*{STATE}")) and not list(job.path.parent.glob(f"*{CALLS}"))
    assert json.loads(job.path.with_suffix(".json").read_text())["run_id"] == job.run_id


def stopped_then_again(monkeypatch, words, out):
    """Call a command whose disk is full inside a run, then again; both with checkpoints."""
    words = (*words, "--out", out, "--threads", 1, "--checkpoint-every", "5min")
    offer, seen = Checkpoint.offer, []

    def stops(self, done, arrays):
        offer(self, done, arrays)
        seen.append(done)
        if len(seen) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "offer", stops)
        assert small.spikewhen(*words).exit_code == 2
    assert len(list(out.rglob(f"*{STATE}"))) == len(list(out.rglob(f"*{CALLS}"))) == 1
    done = small.spikewhen(*words)
    assert done.exit_code == 0, done.output
    assert not [*out.rglob(f"*{STATE}"), *out.rglob(f"*{CALLS}")]
    return {path.name: path.read_bytes() for path in out.rglob("*.h5")}


def results(words, out):
    done = small.spikewhen(*words, "--out", out, "--threads", 1)
    assert done.exit_code == 0, done.output
    return {path.name: path.read_bytes() for path in out.rglob("*.h5")}


def test_a_comparison_goes_on_inside_its_runs(tmp_path, monkeypatch):
    words = ("compare", small.write(tmp_path), "--rules", "local,rls", "--seeds", "0-1")
    right = results(words, tmp_path / "right")
    assert stopped_then_again(monkeypatch, words, tmp_path / "out") == right and len(right) == 2
    line = small.refused(small.spikewhen("compare", tmp_path / "out", "--checkpoint-every", "1s"))
    assert "--checkpoint-every" in line


def test_a_study_goes_on_inside_its_runs(tmp_path, monkeypatch):
    with fake_study.clean_slate("my_paper"):
        words = ("study", fake_study.write(tmp_path), "F2", "--seeds", "0")
        right = results(words, tmp_path / "right")
        assert stopped_then_again(monkeypatch, words, tmp_path / "out") == right and right


def test_a_training_on_recorded_spikes_goes_on_inside_itself(tmp_path, monkeypatch):
    recorded = ("run", small.write(tmp_path), "--record", "all")
    results(recorded, tmp_path / "spikes")
    words = ("train", tmp_path / "spikes", "--rule", "local", "--set", "rules.local.eta=0.05")
    right = results(words, tmp_path / "right")
    assert stopped_then_again(monkeypatch, words, tmp_path / "out") == right and len(right) == 1
