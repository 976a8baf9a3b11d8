"""Several processes that need one kernel: one compiles it, the others wait for it, and none for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numba as nb
import numpy as np
import pytest
from numba.core import config

from spikewhen.reservoir import compile as compiling
from spikewhen.reservoir import kernel_cache
from spikewhen.reservoir.kernel_cache import Turn

ROOT = Path(__file__).parents[2]
CHILD = """
import sys, logging, numpy as np
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
from spikewhen.reservoir import kernel_cache
kernel_cache.PATIENCE_S = {patience}
from test_kernel_turns import compiled
kernel = compiled()
kernel(np.ones(3))
print("from disk" if sum(kernel.stats.cache_hits.values()) else "compiled here")
sys.stdin.read()
"""


def squares(a):
    """Sum squares."""
    total = 0.0
    for i in range(a.size):
        total += a[i] * a[i]
    return total


def wrong(a):
    """No kernel can be made of it."""
    return a.no_such_thing


def compiled():
    """Return a kernel as a new process would have it."""
    return compiling.compile_kernel(squares, nrt=False)


def child(folder: Path, patience: float) -> subprocess.Popen:
    """Start a process that needs the kernel; what it prints can be read."""
    paths = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    env = {**os.environ, "NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-c", CHILD.format(patience=patience)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(command, text=True, env=env, cwd=ROOT, **pipes)


@pytest.fixture
def kernel_file(tmp_path, monkeypatch):
    """The file that the kernel will have in an empty folder."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    kernel = compiled()
    kernel(np.ones(3))
    (path,) = tmp_path.rglob("*.nbc")
    path.unlink()
    return path


def test_a_second_process_waits_for_the_kernel_that_a_first_compiles(tmp_path, kernel_file):
    turn = Turn(kernel_file)
    with child(tmp_path, 60) as waiting:
        assert waiting.stdout.readline().strip() == kernel_cache.COMPILING  # it has found no file
        compiled()(np.ones(3))
        turn.end()
        assert waiting.communicate()[0].strip() == "from disk"


def test_a_process_that_finds_the_kernel_in_its_turn_keeps_no_third_waiting(tmp_path, kernel_file):
    turn = Turn(kernel_file)
    with child(tmp_path, 60) as one, child(tmp_path, 60) as other:
        for waiting in (one, other):
            assert waiting.stdout.readline().strip() == kernel_cache.COMPILING
        compiled()(np.ones(3))
        turn.end()
        begun = time.monotonic()
        for waiting in (one, other):  # both go on running, as a command does that has its kernels
            assert waiting.stdout.readline().strip() == "from disk"
        assert time.monotonic() - begun < 30
        for waiting in (one, other):
            waiting.communicate()


def test_a_process_waits_no_longer_than_its_patience(tmp_path, kernel_file):
    turn = Turn(kernel_file)
    with child(tmp_path, 0.2) as impatient:
        assert impatient.communicate()[0].split("\n")[1] == "compiled here"
    turn.end()


def test_a_kernel_that_cannot_be_compiled_keeps_nobody_waiting(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    kernel = compiling.compile_kernel(wrong, nrt=False)
    for _ in range(2):
        with pytest.raises(nb.TypingError):
            kernel(np.ones(3))
        assert not kernel._cache._turns


def test_a_process_that_dies_frees_its_turn(tmp_path, kernel_file):
    script = (
        "import os, sys; from pathlib import Path; from spikewhen.reservoir.kernel_cache import Turn\n"
        "t = Turn(Path(sys.argv[1])); print(t._file >= 0, flush=True); os.kill(os.getpid(), 9)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    dead = subprocess.run(
        [sys.executable, "-c", script, str(kernel_file)], capture_output=True, text=True, env=env
    )
    assert dead.stdout.strip() == "True" and dead.returncode == -9
    with child(tmp_path, 60) as after:
        assert after.communicate(timeout=30)[0].split("\n")[1] == "compiled here"
