"""One run that fails stops no other: the others finish, each failure is named at the end, exit code 2."""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
import tiny

from spikewhen.experiments import batch
from spikewhen.experiments.batch import side_by_side
from spikewhen.experiments.cli.errors import RunError
from spikewhen.experiments.study import run as study_run
from spikewhen.experiments.workers import Threads
from spikewhen.reservoir.errors import ActivityError, InputError

FAILURES = {
    "blow-up": ActivityError("v", 3, 12.0, float("nan")),
    "full disk": OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "run.partial"),
    "refused": InputError("network", 1, "another"),
    "memory": MemoryError(),
}


def failing(monkeypatch, seeds, error):
    """Let the runs of some seeds fail at their end."""
    real = batch.carry_out_one

    def carry_out_one(*words):
        if words[3].seed in seeds:
            raise error
        return real(*words)

    monkeypatch.setattr(batch, "carry_out_one", carry_out_one)


@pytest.mark.parametrize("error", FAILURES.values(), ids=FAILURES)
def test_the_other_seeds_finish_and_the_failure_is_named(config, right, tmp_path, monkeypatch, error):
    with monkeypatch.context() as patch:
        failing(patch, {0}, error)
        done = tiny.run(config, tmp_path, "0-3")
    assert done.exit_code == 2
    head, line = tiny.errors(done.stderr)
    assert head == "error: 1 of 4 runs failed; what the others found is kept"
    assert line.startswith("error: tiny seed 0 (local): ")
    assert len(tiny.results(tmp_path)) == 3 and tiny.leftovers(tmp_path) == []
    (entry,) = json.loads((tmp_path / "summary.json").read_text())["experiments"]
    assert [bool(r.get("error")) for r in entry["runs"]] == [True, False, False, False]
    assert entry["labels"]["local"]["blocks"][0]["error"]["n"] == 3
    assert tiny.run(config, tmp_path, "0-3").exit_code == 0
    assert tiny.results(tmp_path) == right


def test_every_run_that_fails_is_named_and_nothing_is_left(config, tmp_path):
    done = tiny.run(config, tmp_path / "o", "0-3", "--set", "network.weight=1e30")
    assert done.exit_code == 2 and done.stdout == ""
    assert [f"seed {seed} " in line for seed, line in enumerate(tiny.errors(done.stderr)[1:])] == [True] * 4
    assert not (tmp_path / "o").exists()


def test_fail_fast_stops_at_the_first(config, tmp_path, monkeypatch):
    failing(monkeypatch, {1}, FAILURES["full disk"])
    done = tiny.run(config, tmp_path, "0-3", "--fail-fast")
    assert done.exit_code == 2 and len(tiny.errors(done.stderr)) == 1
    assert len(tiny.results(tmp_path)) == 1 and tiny.leftovers(tmp_path) == []


def test_a_damaged_file_stops_no_other_run(config, right, tmp_path):
    assert tiny.run(config, tmp_path, "0-1").exit_code == 0
    damaged = min(tmp_path.glob("*.h5"))
    damaged.write_bytes(damaged.read_bytes()[:-100])
    done = tiny.run(config, tmp_path, "0-3")
    assert done.exit_code == 2 and damaged.name in tiny.errors(done.stderr)[1]
    assert len(tiny.results(tmp_path)) == 4
    assert {n: b for n, b in tiny.results(tmp_path).items() if n != damaged.name}.items() <= right.items()


def test_compare_leaves_out_a_run_that_fails_and_names_it(config, tmp_path, monkeypatch):
    failing(monkeypatch, {1}, FAILURES["full disk"])
    words = ("compare", config, "--seeds", "0-2", "--threads", 1, "--out", tmp_path)
    done = tiny.spikewhen(*words)
    assert done.exit_code == 2 and "tiny seed 1 (local)" in tiny.errors(done.stderr)[1]
    assert len(tiny.results(tmp_path)) == 2 and "2 seeds (0,2)" in done.stdout
    assert (tmp_path / "compare.md").exists()


@dataclass(frozen=True)
class Task:
    """What `side_by_side` needs of a run."""

    path: Path
    steps: int = 1


def dies_by_name(backend, place, threads, task, tick):
    task.path.with_suffix(".partial").touch()
    if task.path.stem.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, task.path.stem))
    if task.path.stem == "exit":
        os._exit(3)
    task.path.with_suffix(".partial").rename(task.path)
    return task.path.stem


def test_a_worker_that_dies_stops_no_other_run_and_leaves_nothing(tmp_path):
    found, failed = [], {}
    names = ["SIGKILL", "a", "exit", "SIGSEGV", "b"]
    side_by_side(
        [Task(tmp_path / f"{name}.h5") for name in names],
        dies_by_name,
        "cpu",
        2,
        lambda task, result: found.append(result),
        lambda task, error: failed.update({task.path.stem: str(error)}),
    )
    assert sorted(found) == ["a", "b"] and failed.keys() == {"SIGKILL", "exit", "SIGSEGV"}
    assert "SIGKILL" in failed["SIGKILL"] and "exit code 3" in failed["exit"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.h5", "b.h5"]


def test_where_no_process_can_start_the_batch_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("spikewhen.experiments.workers._serve", os.abort)  # cannot be unpickled there
    failed = []
    with pytest.raises(RunError, match=r"could not start.*__main__"):
        side_by_side(
            [Task(tmp_path / f"{i}.h5") for i in range(9)],
            dies_by_name,
            "cpu",
            2,
            lambda *_: None,
            lambda task, error: failed.append(task),
        )
    assert len(failed) == 1


def test_stopping_one_thread_does_not_wait_for_what_never_began():
    """A future that is cancelled is never reported as done."""
    crew = Threads(1)

    def work(item, tick):
        raise OSError(f"item {item}")

    _, first = next(iter(crew.each(work, range(5), lambda n: None)))
    assert isinstance(first.exception(), OSError)
    stopping = threading.Thread(target=crew.stop, daemon=True)
    stopping.start()
    stopping.join(20)
    assert not stopping.is_alive()


def test_a_study_measures_the_other_runs(config, tmp_path, monkeypatch):
    """A full disk of one run; before, only a blow-up let the others go on."""
    task = next(iter(_tasks(config, tmp_path, 3)))
    real = study_run.carry_out_one

    def carry_out_one(*words):
        if words[3].path == task.path:
            raise FAILURES["full disk"]
        return real(*words)

    monkeypatch.setattr(study_run, "carry_out_one", carry_out_one)
    failed = study_run.carry_out(_plan(_tasks(config, tmp_path, 3)), "cpu", 1)
    assert len(failed) == 1 and "No space left" in failed[0] and failed[0].startswith(str(task))
    assert len(tiny.results(tmp_path)) == 2


def _tasks(config, out, seeds):
    from spikewhen.experiments.config import load_config
    from spikewhen.experiments.jobs import make_jobs

    jobs = make_jobs("tiny", load_config(config), range(seeds), out)
    return [study_run.MeasureJob(**vars(job), work_ms=10) for job in jobs]


def _plan(tasks):
    return study_run.Plan(None, [], (), tasks[0].path.parent, {}, {}, {}, tasks)
