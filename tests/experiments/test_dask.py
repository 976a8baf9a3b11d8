"""The engine of Dask: one run that ends workers fails alone, and what cannot work is refused in one line."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
import small

from spikewhen.experiments import remote
from spikewhen.experiments.batch import side_by_side
from spikewhen.experiments.dask import Dask, DaskCrew, Errand
from spikewhen.experiments.remote import Parcel
from spikewhen.reservoir.errors import InputError


@dataclass(frozen=True)
class Task:
    """What `side_by_side` needs of a run."""

    path: Path
    steps: int = 1


class Unloadable(Task):
    """A run that ends the worker that unpacks it."""

    def __reduce__(self):
        return die, ()


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def work(backend, place, threads, task, tick):
    if task.path.stem == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    if task.path.stem == "wrong":
        raise InputError("item", 1, "another")
    tick(1)
    return task.path.stem, os.environ.get("NUMBA_NUM_THREADS"), os.environ.get("OMP_NUM_THREADS")


@pytest.fixture(scope="module")
def address():
    """A scheduler with two workers, which gives a run up at the first end of its worker."""
    pytest.importorskip("distributed")
    import dask
    from distributed import LocalCluster

    # a worker that took longer to start again, as on a busy machine, would be given up for good
    patient = {"distributed.scheduler.allowed-failures": 0, "distributed.deploy.lost-worker-timeout": "300s"}
    with (
        dask.config.set(patient),
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=0, silence_logs=60
        ) as cluster,
    ):
        yield cluster.scheduler_address


def carried_out(engine, folder, names):
    found, failed = [], {}
    side_by_side(
        [Task(folder / f"{name}.h5") for name in names],
        work,
        "cpu",
        2,
        lambda task, result: found.append(result),
        lambda task, error: failed.update({task.path.stem: str(error)}),
        engine=engine,
    )
    return sorted(found), failed


def test_a_run_that_ends_its_worker_fails_alone(address, tmp_path):
    names = [*"abcd", "deadly", "wrong", *"efgh"]
    found, failed = carried_out(Dask(address), tmp_path, names)
    assert [name for name, *_ in found] == list("abcdefgh")
    assert failed == {
        "wrong": "item = 1: another",
        "deadly": "its workers ended while it ran, as by a limit of memory; see their logs",
    }
    assert small.files(tmp_path) == []


def test_a_run_that_cannot_even_be_unpacked_is_not_handed_over_for_ever(address, tmp_path, monkeypatch):
    monkeypatch.setattr("spikewhen.experiments.dask.LOST", 2)
    failed = {}
    side_by_side(
        [Unloadable(tmp_path / "x.h5")],
        work,
        "cpu",
        1,
        lambda task, result: None,
        lambda task, error: failed.update({task.path.stem: str(error)}),
        engine=Dask(address),
    )
    assert failed == {"x": "its workers ended before it began, as by a limit of memory; see their logs"}


def test_without_a_scheduler_there_is_a_cluster_of_this_machine_with_a_thread_for_each_run(tmp_path):
    pytest.importorskip("distributed")
    found, failed = carried_out(Dask(), tmp_path, "ab")
    assert found == [("a", "1", "1"), ("b", "1", "1")] and not failed


def test_workers_with_other_code_end_the_command_in_one_line(address, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "LOADED", "of another day")
    words = ("run", small.write(tmp_path), "--out", tmp_path / "out", "--engine", "dask")
    line = small.refused(small.spikewhen(*words, "--engine-set", f"scheduler={address}"))
    assert line.startswith("error: the code changed after it was submitted")
    assert small.files(tmp_path) == ["small.toml"]


def test_what_cannot_work_is_refused_in_one_line(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("spikewhen.experiments.dask.CONNECT_S", 0.5)
    words = ("run", small.write(tmp_path), "--out", tmp_path / "out", "--engine", "dask")
    nobody = ("--engine-set", "scheduler=tcp://127.0.0.1:9")
    small.refused(small.spikewhen(*words, *nobody), "--engine-set scheduler", "of a running scheduler")
    small.refused(small.spikewhen(*words, "--engine-set", "scheduler=here"), "--engine-set scheduler")
    small.refused(small.spikewhen(*words, *nobody, "--threads", 2), "--threads", "workers")
    small.refused(small.spikewhen(*words, "--backend", "gpu"), "--backend", "cpu with --engine dask")
    small.refused(small.spikewhen(*words, "--engine-set", "time=1h"), "one of scheduler, scratch")
    monkeypatch.setitem(sys.modules, "distributed", None)
    small.refused(small.spikewhen(*words), "--engine", "spikewhen[dask]")
    assert small.files(tmp_path) == ["small.toml"]


def test_a_run_stops_where_its_command_has_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("spikewhen.experiments.dask.LOOK_S", -1.0)
    errand = Errand(Parcel.of(ticking, [3]), 0, tmp_path, "")
    assert errand() == ("done", 3, 1)
    kind, error, _ = Errand(errand.parcel, 0, tmp_path / "gone", "")()
    assert kind == "failed" and "the command that wanted it has ended" in str(error)


def ticking(item, tick):
    tick(1)
    return item


def test_that_no_worker_is_left_is_said_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("spikewhen.experiments.dask.LONELY_S", 0.0)
    crew, answers = DaskCrew(tmp_path, "tcp://x:1", 1), [{"a": 1}, {}, {}, {}]

    def nthreads():
        if len(answers) == 1:
            crew._over.set()
        return answers.pop(0)

    crew._watch(SimpleNamespace(nthreads=nthreads))
    assert answers == [] and capsys.readouterr().err.count("tcp://x:1 has no worker left") == 1


def test_a_cluster_of_this_machine_is_asked_again_for_the_workers_it_gave_up(tmp_path, monkeypatch):
    monkeypatch.setattr("spikewhen.experiments.dask.LONELY_S", 0.0)
    crew, asked = DaskCrew(tmp_path, "", 3), []

    def scale(n):
        asked.append(n)
        crew._over.set()

    crew._own = SimpleNamespace(scale=scale)
    crew._watch(SimpleNamespace(nthreads=lambda: {"a": 1}))
    assert asked == [3]


def test_stopping_names_what_has_not_ended(tmp_path):
    crew = DaskCrew(tmp_path, "", 1)
    crew._waiting = {3: "d"}
    crew._exchange = tmp_path / "exchange"
    crew._exchange.mkdir()
    assert crew.stop() == ["d"] and small.files(tmp_path) == []
