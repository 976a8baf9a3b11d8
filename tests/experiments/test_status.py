"""`spikewhen status`: what is done, running, missing and failed, the time left, and the exit code."""

from __future__ import annotations

import json
import os
import time

import pytest
import small

from spikewhen.experiments import failed
from spikewhen.experiments.config import load_config
from spikewhen.experiments.jobs import make_jobs
from spikewhen.experiments.status import Run, Status
from spikewhen.reservoir.files.locks import Lock

SWEEP = """
config = "small.toml"
seeds = "0-1"
rules = ["local"]
[grid]
network.weight = [1.0, 2.0]
"""


@pytest.fixture
def folder(tmp_path):
    """A folder in which each of four seeds is in another state, and the jobs."""
    config = small.write(tmp_path)
    out = tmp_path / "o"
    jobs = make_jobs("small", load_config(config), range(4), out)
    out.mkdir()
    jobs[0].path.touch()
    jobs[0].path.with_suffix(".json").write_text('{"wall_seconds": 100}')
    lock = Lock(jobs[1].path.with_suffix(".lock"), jobs[1].path)
    begun = time.time() - 40
    os.utime(lock.path, (begun, begun))
    failed.note(jobs[3], {"local": "too wild"})
    yield config, out, jobs
    lock.release()


def ask(out, *words):
    done = small.spikewhen("status", out, *words, "--json")
    return done.exit_code, json.loads(done.stdout)


def test_each_run_is_done_running_missing_or_failed(folder):
    config, out, jobs = folder
    code, found = ask(out, config, "--seeds", "0-3")
    assert code == found["exit_code"] == 3 and not found["complete"]
    assert [run["state"] for run in found["runs"]] == ["done", "running", "missing", "failed"]
    assert [run["run_id"] for run in found["runs"]] == [job.run_id for job in jobs]
    assert found["runs"][3]["why"] == {"local": "too wild"}
    # 100 s for the missing one, 60 for the one that has been running for 40
    assert found["run_seconds_left"] == pytest.approx(160, abs=10) == found["seconds_left"]


def test_it_says_so_in_words(folder):
    config, out, jobs = folder
    done = small.spikewhen("status", out, config, "--seeds", "0-3")
    first, *_, counts, left = done.stdout.splitlines()
    assert first == f"failed: {jobs[3].run_id} small: local: too wild"
    assert counts == f"{out}: 4 runs: 1 done, 1 running, 1 missing, 1 failed"
    assert left.startswith("time left: about 2 min") and left.endswith("with 1 at once as now")


@pytest.mark.parametrize(("seeds", "code"), [("0", 0), ("0,1", 3), ("0,2", 3), ("0,3", 4), ("2,3", 3)])
def test_the_exit_code_is_0_only_where_all_is_done(folder, seeds, code):
    config, out, _ = folder
    assert ask(out, config, "--seeds", seeds)[0] == code


def test_a_run_that_failed_once_and_is_there_is_done(folder):
    config, out, jobs = folder
    jobs[3].path.touch()
    assert ask(out, config, "--seeds", "3")[0] == 0


def test_results_that_nobody_asked_for_are_counted_apart(folder):
    config, out, _ = folder
    code, found = ask(out, config, "--seeds", "2")
    assert code == 3 and found["others"] == 1 and found["run_seconds_left"] is None
    assert "not known" in small.spikewhen("status", out, config, "--seeds", "2").stdout


def test_a_sweep_needs_no_plan_but_its_own(tmp_path):
    small.write(tmp_path)
    path, out = tmp_path / "mine.toml", tmp_path / "o"
    path.write_text(SWEEP)
    assert ask(out, path)[1]["missing"] == 4
    small.spikewhen("sweep", path, "--threads", 1, "--out", out, "--shard", "1/2")
    code, found = ask(out)
    assert (code, found["done"], found["missing"]) == (3, 2, 2) and found["run_seconds_left"] > 0
    assert found["seconds_left"] is None
    assert ask(out, path) == (code, found)
    assert ask(out, path, "--seeds", "0-2")[1]["missing"] == 4
    small.spikewhen("sweep", path, "--threads", 1, "--out", out, "--shard", "2/2")
    done = small.spikewhen("status", out)
    assert done.exit_code == 0 and done.stdout.splitlines()[-1] == f"{out}: 4 runs: 4 done"
    rows = [line.split() for line in done.stdout.splitlines()[:3]]
    assert rows[0] == ["done", "running", "missing", "failed"]
    assert rows[1:] == [["weight", "1", "2"], ["weight", "2", "2"]]


def test_the_plan_is_there_before_the_first_run_ends(tmp_path, monkeypatch):
    small.write(tmp_path)
    (tmp_path / "mine.toml").write_text(SWEEP)

    def interrupted(*words, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr("spikewhen.experiments.batch.side_by_side", interrupted)
    done = small.spikewhen("sweep", tmp_path / "mine.toml", "--out", tmp_path / "o")
    assert done.exit_code == 130
    assert ask(tmp_path / "o")[1]["missing"] == 4


def test_the_time_left_is_that_of_runs_of_the_same_point(tmp_path):
    runs = [Run("a", "small", "done", {}, 10.0), Run("b", "large", "done", {}, 100.0)]
    runs += [Run("c", "small", "missing", {}, None), Run("d", "large", "running", {}, 30.0)]
    runs += [Run("e", "new", "running", {}, 5000.0)]
    found = Status(tmp_path, runs, 0)
    assert (found.run_seconds_left, found.seconds_left) == (80.0, 40.0)


def test_wrong_questions_are_refused_in_one_line(tmp_path):
    small.refused(small.spikewhen("status", tmp_path), "no sweep.json", "status DIR FILE")
    small.refused(small.spikewhen("status", tmp_path / "none"), "not there")
    small.refused(small.spikewhen("status", tmp_path, "--seeds", "0-3"), "--seeds", "only with the config")
    small.refused(small.spikewhen("status", tmp_path, "none.toml"), "none.toml")
    (tmp_path / "sweep.json").write_text('{"points": [3]}')
    small.refused(small.spikewhen("status", tmp_path), "sweep.json")
