"""Parts of a command (`--shard`): each run in exactly one, equal bytes, and nothing is called whole early."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import small
from hypothesis import given
from hypothesis import strategies as st

from spikewhen.experiments import failed
from spikewhen.experiments.config import load_config
from spikewhen.experiments.jobs import make_jobs
from spikewhen.experiments.shards import ARRAYS, Shard, parse_shard
from spikewhen.reservoir.errors import InputError

SWEEP = """
config = "small.toml"
seeds = "0-1"
rules = ["local"]
[grid]
network.weight = [1.0, 2.0]
"""
SLURM = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX")
SLURM = (*SLURM, "SLURM_ARRAY_TASK_STEP", "SLURM_ARRAY_TASK_COUNT")
LSF = ("LSB_JOBINDEX", "LSB_JOBINDEX_END", "LSB_JOBINDEX_STEP")
SGE = ("SGE_TASK_ID", "SGE_TASK_FIRST", "SGE_TASK_LAST", "SGE_TASK_STEPSIZE")


def of(names, *values):
    return dict(zip(names, map(str, values), strict=True))


def results(folder):
    """Bytes of everything but the JSON beside results, which says how long they took."""
    beside = {path.with_suffix(".json").name for path in folder.glob("*.h5")}
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in beside}


@pytest.fixture(autouse=True)
def no_array(monkeypatch):
    for array in ARRAYS:
        monkeypatch.delenv(array.number, raising=False)


# the rule


@given(
    st.lists(st.tuples(st.integers(0, 30), st.floats(0, 1e6)), max_size=40),
    st.integers(1, 50),
)
def test_the_parts_of_any_number_are_a_partition_of_the_runs(runs, n):
    seconds = dict(runs)  # the same run may stand in a list twice, with the same estimate
    jobs = [SimpleNamespace(path=Path(str(i)), estimate=SimpleNamespace(seconds=seconds[i])) for i, _ in runs]
    parts = [Shard(i, n).of(jobs) for i in range(1, n + 1)]
    found = Counter(job.path for part in parts for job in {id(job): job for job in part}.values())
    assert found == Counter(job.path for job in jobs)
    assert all(not {j.path for j in a} & {j.path for j in b} for i, a in enumerate(parts) for b in parts[:i])
    times = [sum({j.path: j.estimate.seconds for j in part}.values()) for part in parts]
    assert max(times) - min(times) <= max(seconds.values(), default=0) + 1e-6


def test_what_is_finished_moves_no_run_to_another_part(tmp_path):
    jobs = make_jobs("small", load_config(small.table()), range(5), tmp_path)
    before = [[job.seed for job in Shard(i, 2).of(jobs)] for i in (1, 2)]
    jobs[0].path.touch()
    assert [[job.seed for job in Shard(i, 2).of(jobs)] for i in (1, 2)] == before
    assert list(map(len, before)) == [3, 2] and sorted(before[0] + before[1]) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        ("3/8", {}, (3, 8)),
        (" 1/1 ", of(SLURM, 1, 0, 9, 1, 10), (1, 1)),
        ("auto", of(SLURM, 0, 0, 9, 1, 10), (1, 10)),
        ("auto", of(SLURM, 9, 1, 9, 4, 3), (3, 3)),
        ("auto", of(LSF, 4, 20, 1), (4, 20)),
        ("auto", of(SGE, 5, 3, 7, 2), (2, 3)),
        ("auto", of(SLURM, 2, 1, 4, 1, 4) | of(SGE, 2, 1, 4, 1), (2, 4)),
        ("auto", of(SLURM, 2, 1, 4, 1, 4) | of(SGE[:1], "undefined") | of(LSF[:1], 0), (2, 4)),
        ("auto/20", of(("PBS_ARRAY_INDEX",), 20), (20, 20)),
        ("auto/20", of(("PBS_ARRAYID",), 7), (7, 20)),
        ("auto/20", of(SLURM, 7, 3, 7, 1, 2), (7, 20)),  # some tasks of an array, again
    ],
)
def test_a_part_is_named_or_read_from_the_array_of_a_queue(text, environment, expected):
    assert parse_shard(text, environment) == expected


@pytest.mark.parametrize(
    ("text", "environment", "said"),
    [
        ("0/8", {}, "I from 1 to N"),
        ("9/8", {}, "I from 1 to N"),
        ("3", {}, "I/N"),
        ("-1/8", {}, "I/N"),
        ("auto/0", of(SLURM[:1], 0), "I from 1 to N"),
        ("auto", {}, "none of SLURM_ARRAY_TASK_ID, PBS_ARRAY_INDEX"),
        ("auto", of(LSF[:1], 0) | of(SGE[:1], "undefined"), "none of"),
        ("auto", of(("PBS_ARRAY_INDEX",), 3), "PBS does not tell how many"),
        ("auto/4", of(("PBS_ARRAY_INDEX",), 0), "PBS_ARRAY_INDEX=0"),
        ("auto", of(SLURM, 3, 1, 7, 1, 3), "without gaps"),
        ("auto", of(SLURM, 2, 3, 7, 1, 5), "without gaps"),
        ("auto", of(SLURM[:1], 2), "SLURM_ARRAY_TASK_MAX = 'not set'"),
        ("auto", of(SLURM, "x", 1, 7, 1, 7), "a whole number"),
        (
            "auto",
            of(SLURM, 2, 1, 4, 1, 4) | of(SGE, 3, 1, 4, 1),
            "SLURM_ARRAY_TASK_ID means 2/4, SGE_TASK_ID",
        ),
        ("auto/4", of(SLURM[:1], 2) | of(("PBS_ARRAYID",), 3), "contradict"),
    ],
)
def test_what_names_no_part_is_refused_in_one_line(text, environment, said):
    with pytest.raises(InputError, match="--shard") as refused:
        parse_shard(text, environment)
    assert said in str(refused.value) and "\n" not in str(refused.value)


# commands


def test_two_parts_of_run_leave_the_bytes_of_the_undivided_command(tmp_path):
    config = small.write(tmp_path)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    undivided = small.spikewhen("run", config, "--seeds", "0-2", "--threads", 1, "--out", whole)
    words = ("run", config, "--seeds", "0-2", "--threads", 1, "--out", parts, "--shard")
    first = small.spikewhen(*words, "2/2")
    assert first.exit_code == 0, first.stderr
    assert (
        "1 of 3 runs of all parts are there" in first.stdout and "summary.json is not written" in first.stdout
    )
    assert len(list(parts.glob("*.h5"))) == 1 and not (parts / "summary.json").exists()
    last = small.spikewhen(*words, "1/2")
    assert last.exit_code == 0, last.stderr
    assert results(parts) == results(whole)
    assert last.stdout.replace(str(parts), str(whole)) == undivided.stdout


def test_two_parts_of_a_sweep_leave_the_bytes_of_the_undivided_command(tmp_path, monkeypatch):
    small.write(tmp_path)
    path = tmp_path / "mine.toml"
    path.write_text(SWEEP)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    undivided = small.spikewhen("sweep", path, "--threads", 1, "--out", whole)
    words = ("sweep", path, "--threads", 1, "--out", parts, "--shard")
    for name, value in of(SLURM, 7, 6, 7, 1, 2).items():
        monkeypatch.setenv(name, value)
    first = small.spikewhen(*words, "auto", "--json")
    found = json.loads(first.stdout)
    assert (found["shard"], len(found["runs"]), len(found["missing"]), found["total"]) == ("2/2", 2, 2, 4)
    assert (parts / "sweep.json").read_bytes() == (whole / "sweep.json").read_bytes()
    last = small.spikewhen(*words, "1/2")
    assert last.exit_code == 0, last.stderr
    assert results(parts) == results(whole)
    assert last.stdout.replace(str(parts), str(whole)) == undivided.stdout


@pytest.mark.parametrize("closed", [False, True])
def test_parts_of_compare_are_compared_by_the_last(tmp_path, closed):
    config = small.write(tmp_path)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    change = ("--set", "network.feedback_pa=5.0") if closed else ()
    seeds = ("--seeds", "0") if closed else ("--seeds", "0-1")
    words = ("compare", config, *seeds, *change, "--threads", 1, "--out")
    small.spikewhen(*words, whole)
    first = small.spikewhen(*words, parts, "--shard", "1/2")
    assert first.exit_code == 0, first.stderr
    assert "1 of 2 runs" in first.stdout and not (parts / "compare.json").exists()
    again = small.spikewhen(*words, parts, "--shard", "1/2", "--dry-run")
    assert again.stdout.endswith("nothing to simulate in part 1/2\n")
    assert small.spikewhen(*words, parts, "--shard", "2/2").exit_code == 0
    ours, theirs = results(parts), results(whole)
    assert ours.keys() == theirs.keys()
    same = [name for name in ours if name.endswith((".h5", ".csv"))]  # the others say which runs were found
    assert len(same) == 3 and all(ours[name] == theirs[name] for name in same)


def test_a_part_without_runs_does_nothing(tmp_path):
    config = small.write(tmp_path)
    words = ("run", config, "--out", tmp_path / "o", "--shard", "2/2")
    assert "more parts than runs" in small.spikewhen(*words, "--dry-run").stdout
    done = small.spikewhen(*words)
    assert done.exit_code == 0 and "0 of 1 runs" in done.stdout, done.stderr
    assert small.files(tmp_path) == ["small.toml"]


def test_a_dry_run_names_the_runs_of_the_part_alone(tmp_path):
    config = small.write(tmp_path)
    words = ("run", config, "--seeds", "0-4", "--out", tmp_path / "o", "--dry-run", "--json")
    seeds = [
        [run["seed"] for run in json.loads(small.spikewhen(*words, "--shard", f"{i}/3").stdout)["runs"]]
        for i in (1, 2, 3)
    ]
    assert list(map(len, seeds)) == [2, 2, 1] and sorted(s for part in seeds for s in part) == [0, 1, 2, 3, 4]


def test_a_failure_in_a_part_is_noted_and_the_summary_waits(tmp_path):
    config = small.write(tmp_path)
    wild = ("--set", "rules.local.eta=1e308", "--set", "rules.local.epsilon=1e-300")
    out = tmp_path / "o"
    done = small.spikewhen("run", config, *wild, "--threads", 1, "--out", out, "--shard", "1/1")
    assert done.exit_code == 2 and "local was left out" in done.stderr.splitlines()[-1]
    assert "0 of 1 runs" in done.stdout and not (out / "summary.json").exists()
    (noted,) = failed.read_all(out)
    assert list(noted.rules) == ["local"]


def test_finished_runs_have_no_parts(tmp_path):
    small.refused(small.spikewhen("compare", tmp_path, "--shard", "1/2"), "--shard", "only with a config")
    config = small.write(tmp_path)
    small.refused(small.spikewhen("run", config, "--shard", "auto"), "--shard", "outside of a job array")
