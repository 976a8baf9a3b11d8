"""Engines: who carries out runs. Job arrays, with submitit's processes in place of a queue."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import small

from spikewhen.experiments import slurm
from spikewhen.experiments.batch import carry_out, side_by_side
from spikewhen.experiments.bundle import Bundle
from spikewhen.experiments.config import load_config
from spikewhen.experiments.engines import LOCAL, make_engine
from spikewhen.experiments.jobs import make_jobs
from spikewhen.experiments.provenance import software
from spikewhen.experiments.remote import Parcel
from spikewhen.experiments.slurm import SlurmCrew
from spikewhen.reservoir.errors import InputError

ITEMS = [
    SimpleNamespace(estimate=SimpleNamespace(seconds=s), name=n) for n, s in enumerate((10.0, 10.0, 1.0))
]


@dataclass(frozen=True)
class Task:
    """What `side_by_side` needs of a run."""

    path: Path
    steps: int = 1


@dataclass(frozen=True)
class Arrays:
    """An engine whose arrays are processes of this machine."""

    tasks: int = 2

    def crew(self, at_once, *, shared, folder):
        return SlurmCrew(folder, self.tasks, 600.0, {"timeout_min": 10}, cluster="local")


def named(item, tick):
    tick(3)
    if item.name == 1:
        raise InputError("item", 1, "another")
    return item.name


def signalled(number, tick):
    os.kill(os.getpid(), number)
    for _ in range(100):
        time.sleep(0.01)  # until the signal has come
    try:
        return "swallowed"
    finally:
        tick(1)


def dies_at_first(backend, place, threads, task, tick):
    mark = task.path.with_suffix(".mark")
    if task.path.stem in ("once", "always") and not (task.path.stem == "once" and mark.exists()):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return task.path.stem


@pytest.fixture
def submitit(monkeypatch):
    monkeypatch.setattr(slurm, "POLL_S", 0.2)
    return pytest.importorskip("submitit")


def bundle(folder, items=ITEMS, time_s=1000.0, **parcel):
    return Bundle(replace(Parcel.of(named, items), **parcel), range(len(items)), folder, time_s)


def outcomes(folder):
    return {p.name: pickle.loads(p.read_bytes()) for p in sorted(folder.glob("*.outcome"))}


def test_a_bundle_leaves_the_outcome_of_each_run_in_a_file(tmp_path):
    bundle(tmp_path)()
    found = outcomes(tmp_path)
    assert found["0.outcome"] == ("done", 0, 3) and found["2.outcome"] == ("done", 2, 3)
    kind, error, ticks = found["1.outcome"]
    assert (kind, str(error), ticks) == ("failed", "item = 1: another", 3)


def test_a_bundle_begins_no_run_that_would_not_end_in_its_time(tmp_path):
    bundle(tmp_path, time_s=20.0)()
    assert list(outcomes(tmp_path)) == ["0.outcome"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.begun", "0.outcome"]


def test_a_bundle_that_is_requeued_repeats_nothing(tmp_path):
    (tmp_path / "0.outcome").write_bytes(pickle.dumps("mine"))
    bundle(tmp_path)()
    assert outcomes(tmp_path)["0.outcome"] == "mine" and len(outcomes(tmp_path)) == 3


def test_a_bundle_refuses_where_the_code_changed_since_it_was_submitted(tmp_path):
    bundle(tmp_path, code="other", software=software() | {"commit": "abc"})()
    for kind, error, _ in outcomes(tmp_path).values():
        assert kind == "failed" and "the code changed after it was submitted (commit abc then" in str(error)


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGTERM])
def test_a_signal_ends_a_run_at_its_next_tick_and_is_then_obeyed(tmp_path, number):
    obeyed = []
    before = signal.signal(number, lambda *_: obeyed.append(small.files(tmp_path)))
    try:
        with pytest.raises(SystemExit) as left:
            Bundle(Parcel.of(signalled, [number, 0]), range(2), tmp_path, 100.0)()
    finally:
        signal.signal(number, before)
    assert left.value.code == 128 + number and obeyed == [["0.begun"]]


def test_what_cannot_be_loaded_is_the_outcome_of_every_run(tmp_path):
    bundle(tmp_path, payload=b"no pickle")()
    assert [kind for kind, *_ in outcomes(tmp_path).values()] == ["failed"] * 3


def test_an_array_leaves_the_bytes_that_this_machine_does(submitit, tmp_path):
    experiment = load_config(small.table())
    whole, there = (make_jobs("small", experiment, range(2), tmp_path / name) for name in ("a", "b"))
    ours, theirs = carry_out(whole), carry_out(there, engine=Arrays())
    assert [run.run_id for run in ours] == [run.run_id for run in theirs]
    for a, b in zip(whole, there, strict=True):
        assert a.path.read_bytes() == b.path.read_bytes()
    assert not list((tmp_path / "b" / "slurm").glob("outcomes-*"))


def test_a_task_that_dies_spoils_no_other_run_and_its_own_is_tried_again(submitit, tmp_path):
    found, failed = [], {}
    side_by_side(
        [Task(tmp_path / f"{name}.h5") for name in ("once", "a", "always", "b")],
        dies_at_first,
        "cpu",
        1,
        lambda task, result: found.append(result),
        lambda task, error: failed.update({task.path.stem: str(error)}),
        engine=Arrays(4),
    )
    assert sorted(found) == ["a", "b", "once"] and list(failed) == ["always"]
    assert "ended 3 times while it ran" in failed["always"] and str(tmp_path) in failed["always"]


def test_engines_are_named_and_what_they_lack_is_said(monkeypatch, tmp_path):
    assert make_engine("local", {}) is LOCAL
    for name, settings, said in (
        ("desk", {}, "local or slurm or dask"),
        ("local", {"time": "1h"}, "no settings"),
        ("slurm", {"tiem": "1h"}, "one of time, memory"),
        ("slurm", {"time": "soon"}, "--engine-set time"),
        ("slurm", {"tasks": "0"}, "1 to 10000"),
    ):
        with pytest.raises(InputError, match=said):
            make_engine(name, settings)
    monkeypatch.setitem(sys.modules, "submitit", None)
    config = small.write(tmp_path)
    small.refused(small.spikewhen("run", config, "--engine", "slurm"), "--engine", "spikewhen[slurm]")
    small.refused(small.spikewhen("run", config, "--engine-set", "time"), "--engine-set", "KEY=VALUE")
    small.refused(small.spikewhen("compare", tmp_path, "--shard", "1/2"), "--shard", "only with a config")


def test_slurm_takes_neither_threads_nor_a_gpu(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "submitit", SimpleNamespace())
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    words = ("run", small.write(tmp_path), "--engine", "slurm")
    small.refused(small.spikewhen(*words, "--threads", 2), "--threads", "at_once=N")
    small.refused(small.spikewhen(*words, "--backend", "gpu"), "--backend", "cpu with --engine slurm")


def test_a_run_that_a_task_has_no_time_for_is_refused_before_anything_is_submitted(tmp_path):
    long = SimpleNamespace(estimate=SimpleNamespace(seconds=500.0), checkpoint_s=None)
    with pytest.raises(InputError, match="--checkpoint-every"):
        next(SlurmCrew(tmp_path, 2, 60.0, {}).each(named, [*ITEMS, long], lambda n: None))
    assert small.files(tmp_path) == []


def test_what_is_submitted_is_cancelled_where_the_command_ends(tmp_path):
    crew, cancelled = SlurmCrew(tmp_path, 2, 60.0, {}), []
    crew._jobs = [SimpleNamespace(cancel=lambda check, n=n: cancelled.append(n)) for n in range(2)]
    crew._waiting = {3: "d"}
    assert crew.stop() == ["d"] and cancelled == [0, 1]
    crew._waiting, cancelled[:] = {}, []
    assert crew.stop() == [] == cancelled
