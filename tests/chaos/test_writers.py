"""Several commands in one folder, and things that stand in the way: nobody's file is touched, all is said."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import socket
import subprocess
from pathlib import Path

import pytest
import tiny
from small import refused

from spikewhen.experiments import batch
from spikewhen.experiments.config import load_config
from spikewhen.experiments.jobs import make_jobs
from spikewhen.experiments.run import run, run_to_file
from spikewhen.experiments.train import train
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.integrity import write_whole
from spikewhen.reservoir.files.locks import Busy, abandoned, sweep
from spikewhen.reservoir.files.sinks import FileSink

WRITES = 40
ROUNDS = 20
"""Of three commands at a time, in the long version."""


@pytest.fixture
def jobs(config, tmp_path):
    """The runs of seeds 0 and 1."""
    return make_jobs("tiny", load_config(config), [0, 1], tmp_path)


# a result is finished because of its config, not of its name


@pytest.fixture
def exchanged(config, jobs):
    """Two finished runs whose files were given each other's name."""
    assert tiny.run(config, jobs[0].path.parent, "0-1").exit_code == 0
    first, second = (job.path for job in jobs)
    aside = first.with_name("aside")
    for a, b in ((first, aside), (second, first), (aside, second)):
        a.rename(b)
    return jobs


def test_exchanged_files_are_no_finished_runs(config, exchanged):
    out = exchanged[0].path.parent
    before = (out / "summary.json").read_bytes()
    done = tiny.run(config, out, "0-1")
    head, *lines = tiny.errors(done.stderr)
    assert done.exit_code == 2 and head.startswith("error: 2 of 2 runs failed")
    for job, line in zip(exchanged, lines, strict=True):
        assert str(job) in line and "renamed" in line and "delete it" in line
    assert (out / "summary.json").read_bytes() == before


@pytest.mark.parametrize("reuse", [run, run_to_file])
def test_python_refuses_them_too(config, exchanged, reuse):
    with pytest.raises(InputError, match="renamed"):
        reuse(load_config(config), 0, out=exchanged[0].path.parent)


def test_compare_passes_them_over_and_does_not_take_them_for_finished(config, exchanged):
    out = exchanged[0].path.parent
    done = tiny.spikewhen("compare", config, "--seeds", "0-1", "--threads", 1, "--out", out)
    assert done.exit_code == 2 and done.stdout == "" and "renamed" in tiny.errors(done.stderr)[1]


def test_a_training_refuses_a_file_of_another_run(config, tmp_path):
    more = ("paradigm.trials_per_block=4", "paradigm.probes_after=[1, 4]", 'record.spikes="all"')
    every = load_config(config, more)
    source = run_to_file(every, 0, tmp_path / "a")
    other = run_to_file(every, 1, tmp_path / "b")
    other.rename(tmp_path / "b" / source.name)
    with pytest.raises(InputError, match="renamed"):
        train(source, out=tmp_path / "b", progress=False)


# cleaning up touches nothing of others


def test_sweeping_leaves_what_another_writes(jobs, tmp_path):
    path = jobs[0].path
    sink = FileSink(path)
    before = sorted(p.name for p in tmp_path.iterdir())
    sweep(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    sink.abort()
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_is_stopped_leaves_the_files_of_another(config, right, jobs, tmp_path, monkeypatch):
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    other = context.Process(target=hold, args=(jobs[0].path, ready, release))
    other.start()
    try:
        assert ready.wait(120)
        files = {p.name: p.stat().st_ino for p in tmp_path.iterdir()}
        real = batch._carry_out

        def interrupted(*words):
            if words[3].seed == 1:
                raise KeyboardInterrupt
            return real(*words)

        monkeypatch.setattr(batch, "_carry_out", interrupted)
        done = tiny.run(config, tmp_path, "0-1")
        assert done.exit_code == 130 and "is writing" in done.stderr
        assert {p.name: p.stat().st_ino for p in tmp_path.iterdir()} == files
    finally:
        release.set()
        other.join(60)
    assert other.exitcode == 0 and tiny.leftovers(tmp_path) == []


def hold(path, ready, release):
    sink = FileSink(path)
    ready.set()
    release.wait(60)
    assert sink._lock.holds()
    sink.abort()


@pytest.mark.parametrize("which", [".partial", ".lock"])
def test_half_a_file_of_another_never_gets_a_results_name(tmp_path, which):
    sink = FileSink(tmp_path / "abc.h5")
    sink.annotate("/", a=1)
    foreign = tmp_path / f"abc{which}"
    foreign.unlink()
    foreign.write_text("half")
    with pytest.raises(InputError, match="removed or replaced"):
        sink.commit()
    sink.abort()
    assert not (tmp_path / "abc.h5").exists() and foreign.read_text() == "half"


# two write one file


def write(folder, number):
    for _ in range(WRITES):
        write_whole(Path(folder) / "summary.json", json.dumps([number] * 2000))


def test_two_processes_write_one_file(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write, args=(str(tmp_path), i)) for i in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [w.exitcode for w in writers] == [0, 0]
    assert len(set(json.loads((tmp_path / "summary.json").read_text()))) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["summary.json"]


def test_the_summary_covers_what_other_commands_finished(config, tmp_path):
    for seeds in ("2", "0", "1"):
        assert tiny.run(config, tmp_path, seeds).exit_code == 0
    assert tiny.run(config, tmp_path, "0", "--set", "network.weight=9.0").exit_code == 0
    done = tiny.run(config, tmp_path, "1", "--json")
    other, entry = json.loads((tmp_path / "summary.json").read_text())["experiments"]
    assert entry["seeds"] == [0, 1, 2] and entry["labels"]["local"]["blocks"][0]["error"]["n"] == 3
    assert other["overrides"] == ["network.weight=9.0"] and other["seeds"] == [0]
    (alone,) = json.loads(done.stdout)["experiments"]
    assert alone["seeds"] == [1]  # a program is told of its own command


# what stands in the way is refused in one line, and stays as it is


def put(kind, path):
    victim = path.parent / "victim"
    victim.write_text("precious")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        socket.socket(socket.AF_UNIX).bind(str(path))
    elif kind == "link":
        path.symlink_to(victim)
    else:
        path.hardlink_to(victim)
    return victim


@pytest.mark.parametrize("suffix", [".h5", ".partial", ".lock"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "link", "socket", "name"])
def test_what_stands_in_the_way_is_refused_in_one_line(config, jobs, tmp_path, kind, suffix):
    path = jobs[0].path.with_suffix(suffix)
    victim = put(kind, path)
    if (kind, suffix) == ("name", ".partial"):
        return  # a second name of a file: this one is removed, the file stays
    done = tiny.run(config, tmp_path, "0")
    refused(done, str(path))
    assert victim.read_text() == "precious" and os.path.lexists(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted({path.name, "victim"})
    (path.rmdir if kind == "folder" else path.unlink)()
    assert tiny.run(config, tmp_path, "0").exit_code == 0


def test_a_link_to_a_finished_run_is_one(config, right, jobs, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert tiny.run(config, elsewhere, "0").exit_code == 0
    jobs[0].path.symlink_to(elsewhere / jobs[0].path.name)
    assert "skipped" in tiny.run(config, tmp_path, "0").stderr


def test_a_refused_open_leaks_nothing(tmp_path):
    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    (tmp_path / "abc.partial").mkdir()
    before = descriptors()
    for _ in range(5):
        with pytest.raises(InputError, match=r"abc\.partial = 'a folder'"):
            FileSink(tmp_path / "abc.h5")
    assert descriptors() == before and [p.name for p in tmp_path.iterdir()] == ["abc.partial"]
    (tmp_path / "abc.partial").rmdir()
    FileSink(tmp_path / "abc.h5").abort()


def test_what_a_killed_command_left_is_named_by_a_later_one(config, tmp_path):
    small = f".summary.json.{'0' * 16}.partial"
    for name in ("0123.partial", "0123.lock", small, ".mine.partial"):
        (tmp_path / name).write_text("")
    busy = FileSink(tmp_path / "busy.h5")
    assert [p.name for p in abandoned(tmp_path)] == ["0123.partial"]
    with pytest.raises(Busy):
        FileSink(tmp_path / "busy.h5")
    done = tiny.run(config, tmp_path, "0")
    busy.abort()
    assert done.exit_code == 0 and "nobody is writing 0123.partial; delete" in done.stderr
    assert not (tmp_path / small).exists() and (tmp_path / ".mine.partial").exists()


# whole commands at a time


def compete(config, out, right, commands):
    """Start commands at a time; each ends well or names who was quicker, and the results are right."""
    words = [*tiny.COMMAND, "run", str(config), "--seeds", "0-1", "--threads", "1", "--out", str(out)]
    started = [
        subprocess.Popen(
            words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=tiny.ENVIRONMENT
        )
        for _ in range(commands)
    ]
    for process in started:
        _, stderr = process.communicate(timeout=300)
        lines = tiny.errors(stderr)
        assert process.returncode in (0, 2), stderr
        assert all("is writing" in line or "runs failed" in line for line in lines)
    assert tiny.run(config, out, "0-1").exit_code == 0
    assert tiny.results(out).items() <= right.items() and len(tiny.results(out)) == 2
    assert tiny.leftovers(out) == []
    (entry,) = json.loads((out / "summary.json").read_text())["experiments"]
    assert entry["seeds"] == [0, 1] and [r.get("error") for r in entry["runs"]] == [None, None]


def test_two_commands_in_one_folder(config, right, tmp_path):
    compete(config, tmp_path, right, 2)


@pytest.mark.long
def test_three_commands_in_one_folder_many_times(config, right, tmp_path):
    dice = random.Random(17)
    for i in range(ROUNDS):
        compete(config, tmp_path / str(i), right, dice.choice((2, 3)))
