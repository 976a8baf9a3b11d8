"""One long run killed again and again, each time inside itself: it goes on, and leaves the same bytes."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
import tiny
from test_kills import alive, end, listen

KILLS = {"short": 2, "long": 40}
LONGER = tiny.TEXT.replace("n_neurons = 20", "n_neurons = 200").replace(
    "trials_per_block = 1", "trials_per_block = 150"
)

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="finds processes as Linux has them"
)


def begin(config, out):
    words = ("run", config, "--seed", "0", "--out", out, "--threads", "1", "--checkpoint-every", "0.02s")
    return subprocess.Popen(
        [*tiny.COMMAND, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listen,
        start_new_session=True,
        env=tiny.ENVIRONMENT,
    )


def kept(out):
    """When the last moment of the run was written down, if any was."""
    return [path.stat().st_mtime_ns for path in out.glob("*.checkpoint")]


def wait_for_a_moment(process, out, other_than):
    deadline = time.monotonic() + 120
    while kept(out) in ([], other_than) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)


@pytest.mark.parametrize("length", ["short", pytest.param("long", marks=pytest.mark.long)])
def test_a_run_killed_inside_goes_on_and_leaves_the_same_bytes(length, tmp_path):
    config = tiny.write(tmp_path)
    config.write_text(LONGER)
    assert tiny.run(config, tmp_path / "whole", "0").exit_code == 0
    right = tiny.results(tmp_path / "whole")
    dice, kills, out = random.Random(5), 0, tmp_path / "o"
    for attempt in range(KILLS[length]):
        if tiny.results(out):  # it was quicker: another run of the same
            out = tmp_path / f"o{attempt}"
        before, process = kept(out), begin(config, out)
        wait_for_a_moment(process, out, before)
        time.sleep(dice.uniform(0, 0.1))
        number = dice.choice((signal.SIGKILL, signal.SIGTERM))
        kills += process.poll() is None
        end(process, number, everybody=True)
        assert alive(process.pid) == []
    assert kills >= KILLS[length] // 2 and (kept(out) or tiny.results(out))
    last = begin(config, out)
    _, stderr = last.communicate(timeout=300)
    assert last.returncode == 0, stderr
    assert tiny.results(out) == right and tiny.leftovers(out) == []
