"""Full disks, failing system calls, no locks: one line, nothing left, and then the same bytes."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import resource
import stat
import subprocess
import sys
from contextlib import contextmanager

import pytest
import tiny

from spikewhen.reservoir.files.locks import Busy, Lock, abandoned
from spikewhen.reservoir.files.sinks import FileSink

SIZES = (0, 700, 30_000, 250_000)
"""Bytes that a file may have, between nothing and almost a whole result."""
MANY_SIZES = 60
CALLS = ("open", "replace", "fsync", "pwrite", "ftruncate", "flock")
ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
MANY_CALLS = 100


@contextmanager
def file_size(limit):
    """Let no file of this process grow beyond a size; a full disk fails in the same calls."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def survives(config, right, out, trouble, seeds="0"):
    """Run into trouble, then without: a line for what failed, nothing left, and the right bytes."""
    with trouble:
        done = tiny.run(config, out, seeds)
    lines = tiny.errors(done.stderr)
    assert done.exit_code in (0, 2) and bool(lines) == (done.exit_code == 2), done.stderr
    assert tiny.leftovers(out) == []
    assert tiny.results(out).items() <= right.items()
    assert tiny.run(config, out, seeds).exit_code == 0
    assert tiny.results(out).items() <= right.items() and tiny.results(out)
    return done


@pytest.mark.parametrize("size", SIZES)
def test_a_disk_that_is_full(config, right, tmp_path, size):
    done = survives(config, right, tmp_path / "o", file_size(size))
    assert done.exit_code == 2 and "File too large" in done.stderr


@pytest.mark.parametrize("size", [700, 9_000, 60_000])
def test_a_disk_that_fills_while_a_checkpoint_is_written(config, right, tmp_path, size):
    """One line; both files of the checkpoint stay, or neither; and the run can be had afterwards."""
    words = ("--checkpoint-every", "0.0001s")
    with file_size(size):
        done = tiny.run(config, tmp_path, "0", *words)
    (line,) = tiny.errors(done.stderr)
    assert done.exit_code == 2 and "File too large" in line
    assert {name.partition(".")[2] for name in tiny.leftovers(tmp_path)} in (set(), {"calls", "checkpoint"})
    assert tiny.run(config, tmp_path, "0", *words).exit_code == 0
    assert tiny.results(tmp_path).items() <= right.items() and tiny.leftovers(tmp_path) == []


@pytest.mark.long
def test_a_disk_that_is_full_at_many_places(config, right, tmp_path):
    dice = random.Random(3)
    largest = max(size for size, _ in right.values()) + 2000
    for i in range(MANY_SIZES):
        survives(config, right, tmp_path / str(i), file_size(dice.randrange(largest)), "0-2")


@contextmanager
def failing(call, code, which):
    """Let one call of a function of the system fail, the first or a later one."""
    home = fcntl if call == "flock" else os
    real, seen = getattr(home, call), 0

    def fails(*arguments, **options):
        nonlocal seen
        seen += 1
        if seen == which:
            raise OSError(code, os.strerror(code))
        return real(*arguments, **options)

    setattr(home, call, fails)
    try:
        yield
    finally:
        setattr(home, call, real)


@pytest.mark.parametrize("call", CALLS)
def test_a_system_call_that_fails(config, right, tmp_path, call):
    survives(config, right, tmp_path / "o", failing(call, errno.EIO, 1))


@pytest.mark.long
def test_many_system_calls_that_fail(config, right, tmp_path):
    dice = random.Random(5)
    for i in range(MANY_CALLS):
        trouble = failing(dice.choice(CALLS), dice.choice(ERRORS), dice.randrange(1, 12))
        survives(config, right, tmp_path / str(i), trouble, "0-1")


# file systems without locks, or that cannot sync a folder


@pytest.fixture(params=[errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
def no_locks(request, monkeypatch):
    """A file system without locks."""

    def flock(*_):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", flock)


def test_without_locks_a_run_gives_the_same_bytes(config, right, tmp_path, no_locks):
    with pytest.warns(UserWarning, match="no locks on this file system"):
        assert tiny.run(config, tmp_path, "0").exit_code == 0
    assert tiny.results(tmp_path).items() <= right.items() and tiny.leftovers(tmp_path) == []


def test_without_locks_the_lock_file_is_the_lock_and_names_its_owner(tmp_path, no_locks):
    first = FileSink(tmp_path / "abc.h5")
    with pytest.raises(Busy, match=f"process {os.getpid()} on "):
        FileSink(tmp_path / "abc.h5")
    assert first._lock.holds() and abandoned(tmp_path) == []
    first.abort()
    FileSink(tmp_path / "abc.h5").abort()
    assert list(tmp_path.iterdir()) == []


DIES = """
import errno, fcntl, os, sys
from pathlib import Path
def flock(*_): raise OSError(errno.ENOSYS, "")
fcntl.flock = flock
from spikewhen.reservoir.files.locks import Lock
lock = Lock(Path(sys.argv[1]), Path("x"))
os._exit(0)
"""


def test_without_locks_the_lock_of_a_process_that_ended_here_is_replaced(tmp_path, no_locks):
    path = tmp_path / "abc.lock"
    subprocess.run([sys.executable, "-c", DIES, str(path)], check=True, env=tiny.ENVIRONMENT)
    assert path.exists()
    (tmp_path / "abc.partial").touch()
    assert abandoned(tmp_path) == [tmp_path / "abc.partial"]
    FileSink(tmp_path / "abc.h5").abort()
    assert list(tmp_path.iterdir()) == []


def test_without_locks_the_lock_of_another_machine_stays(tmp_path, no_locks):
    path = tmp_path / "abc.lock"
    path.write_text("elsewhere 1 0123\n")
    with pytest.raises(Busy, match="that of process 1 on elsewhere"):
        Lock(path, path)
    assert path.read_text() == "elsewhere 1 0123\n"


def test_any_other_failure_to_lock_is_not_taken_for_a_rival(config, tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", flock)
    done = tiny.run(config, tmp_path / "o", "0")
    assert done.exit_code == 2 and "Input/output error" in done.stderr and "writing" not in done.stderr
    assert not (tmp_path / "o").exists()


def test_a_folder_that_cannot_be_synced(config, right, tmp_path, monkeypatch):
    real = os.fsync

    def fsync(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    assert tiny.run(config, tmp_path, "0").exit_code == 0
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".h5", ".json", ".json"]
