"""Job arrays on a real SLURM of one node: what is killed, cancelled or started again spoils nothing."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import tiny
from slurm_node import slurm_node, why_not

from spikewhen.experiments import slurm
from spikewhen.experiments.batch import side_by_side
from spikewhen.experiments.slurm import Slurm
from spikewhen.reservoir.errors import InputError

pytest.importorskip("submitit", reason="pip install 'spikewhen[slurm]'")
if why_not():
    pytest.skip(why_not(), allow_module_level=True)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A SLURM that takes its node for lost after 8 seconds."""
    with slurm_node(tmp_path_factory.mktemp("slurm"), lost_s=8) as running:
        yield running


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(slurm, "POLL_S", 0.3)


@dataclass(frozen=True)
class Task:
    """What `side_by_side` needs of a run."""

    path: Path
    steps: int = 1
    checkpoint_s: float | None = None


def work(backend, place, threads, task, tick):
    """Do what the name of the task says; its mark counts how often it was begun."""
    name, mark = task.path.stem, task.path.with_suffix(".begun")
    with mark.open("a") as file:
        job = os.environ["SLURM_JOB_ID"]  # of an array, that of one task may be the whole array's
        if "SLURM_ARRAY_JOB_ID" in os.environ:
            job = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
        file.write(f"{job} {os.environ.get('SLURM_RESTART_COUNT', '0')}\n")
    first = len(mark.read_text().splitlines()) == 1
    if name == "killed" and first:
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "wrong":
        raise InputError("item", 1, "another")
    if name == "waits" or (name.startswith("slow") and first):
        for _ in range(2000):
            time.sleep(0.1)
            tick(1)
            if task.path.with_suffix(".go").exists():
                break
    return name, os.environ["OMP_NUM_THREADS"], os.environ["NUMBA_NUM_THREADS"]


def carried_out(folder, names, meanwhile=None, checkpoint_s=None, **settings):
    """Carry out tasks on SLURM; `meanwhile` is called in a thread when the last of them has begun."""
    found, failed, wrong = [], {}, []

    def watch():
        try:
            until = time.monotonic() + 120
            while not (folder / f"{names[-1]}.begun").exists():
                assert time.monotonic() < until, "the task does not begin"
                time.sleep(0.1)
            meanwhile()
        except BaseException as error:
            wrong.append(error)
            raise

    watcher = threading.Thread(target=watch, daemon=True)
    if meanwhile is not None:
        watcher.start()
    side_by_side(
        [Task(folder / f"{name}.h5", checkpoint_s=checkpoint_s) for name in names],
        work,
        "cpu",
        1,
        lambda task, result: found.append(result),
        lambda task, error: failed.update({task.path.stem: str(error)}),
        engine=Slurm(**{"tasks": len(names), "time_s": 3600.0, **settings}),
    )
    assert not wrong, wrong
    assert all(threads == ["1", "1"] for _, *threads in found)
    return sorted(name for name, *_ in found), failed


def job_of(folder, name):
    """The job id of the last beginning of a task."""
    return (folder / f"{name}.begun").read_text().split()[-2]


def begun(folder, name):
    return len((folder / f"{name}.begun").read_text().splitlines())


def test_an_array_with_a_killed_and_a_wrong_run(node, tmp_path):
    found, failed = carried_out(tmp_path, ["a", "killed", "wrong", "b"], tasks=2)
    assert found == ["a", "b", "killed"] and failed == {"wrong": "item = 1: another"}
    assert begun(tmp_path, "killed") == 2 and begun(tmp_path, "a") == 1


def test_a_task_that_is_told_its_time_is_up_is_queued_again_and_goes_on(node, tmp_path):
    def signal_it():  # as SLURM does before the limit
        node.ask("scancel", "--signal=USR2", job_of(tmp_path, "slow"))

    found, failed = carried_out(tmp_path, ["a", "slow"], signal_it, checkpoint_s=1.0, tasks=1)
    assert found == ["a", "slow"] and not failed
    jobs = [line.split() for line in (tmp_path / "slow.begun").read_text().splitlines()]
    assert jobs[0][0] == jobs[1][0] and jobs[1][1] == "1", "the same job, started again"
    assert begun(tmp_path, "a") == 1


def test_a_cancelled_task_fails_by_name_and_no_other(node, tmp_path):
    def cancel():
        node.ask("scancel", job_of(tmp_path, "waits"))

    found, failed = carried_out(tmp_path, ["a", "b", "waits"], cancel)
    assert found == ["a", "b"] and list(failed) == ["waits"]
    assert "its SLURM job was cancelled" in failed["waits"] and begun(tmp_path, "waits") == 1


def test_a_node_daemon_that_is_started_again_interrupts_nothing(node, tmp_path):
    def restart():
        node.stop("slurmd")
        time.sleep(2)
        (tmp_path / "waits.go").touch()
        time.sleep(1)
        node.start("slurmd")

    found, failed = carried_out(tmp_path, ["waits"], restart)
    assert found == ["waits"] and not failed and begun(tmp_path, "waits") == 1
    node.await_state("idle")


def test_results_of_an_array_are_those_of_this_machine(node, config, right, tmp_path):
    words = ("--engine", "slurm", "--engine-set", "tasks=2", "--engine-set", "scratch=/tmp")
    done = tiny.spikewhen("run", config, "--seeds", "0-3", "--out", tmp_path / "out", *words)
    assert done.exit_code == 0, done.stderr
    assert tiny.results(tmp_path / "out") == right


def test_more_tasks_than_the_cluster_takes_and_too_little_time_are_refused(node, config, tmp_path):
    words = ("run", config, "--seeds", "0-3", "--out", tmp_path / "out", "--engine", "slurm", "--engine-set")
    (line,) = tiny.errors(tiny.spikewhen(*words, "tasks=60").stderr)
    assert "--engine-set tasks = 60: at most 50, the cluster's MaxArraySize" in line
    (line,) = tiny.errors(tiny.spikewhen(*words, "partition=none").stderr)
    assert "SLURM takes no such job" in line and not list(tmp_path.glob("out/*.h5"))


@pytest.mark.long
def test_a_task_that_meets_its_time_limit_is_queued_again(node, tmp_path):
    found, failed = carried_out(tmp_path, ["a", "slow"], tasks=1, time_s=60.0)
    assert found == ["a", "slow"] and not failed and begun(tmp_path, "slow") == 2


@pytest.mark.long
def test_a_lost_node_has_its_task_started_again(node, tmp_path):
    def lose():
        node.stop("slurmd")
        node.await_state("down*", 120)
        node.start("slurmd")

    found, failed = carried_out(tmp_path, ["a", "slow"], lose)
    assert found == ["a", "slow"] and not failed and begun(tmp_path, "slow") == 2
