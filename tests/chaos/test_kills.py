"""Commands ended at random moments: nothing alive, nothing half-written, and then the same bytes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
import tiny

KILLS = 4
MANY_KILLS = 110
"""In the long version."""
GENTLE = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
COMMANDS = {
    "run": ("run", "--threads", "1"),
    "two workers": ("run", "--threads", "2"),
    "compare": ("compare", "--threads", "2"),
}

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="finds processes as Linux has them"
)


def listen():
    """Whoever starts these tests in the background has Ctrl-C ignored, and children inherit it."""
    for number in GENTLE:
        signal.signal(number, signal.SIG_DFL)


def begin(config, out, kind):
    name, *words = COMMANDS[kind]
    return subprocess.Popen(
        [*tiny.COMMAND, name, str(config), "--seeds", "0-3", *words, "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listen,
        start_new_session=True,  # a group of its own, as at a terminal
        env=tiny.ENVIRONMENT,
    )


def alive(group):
    """Processes of a group that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of_group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(of_group) == group and state != "Z":
            found.append(int(stat.parent.name))
    return found


def end(process, number, everybody, times=1):
    """Send a signal, to the group as a terminal or a queue does or to the command alone."""
    for _ in range(times):
        try:
            (os.killpg if everybody else os.kill)(process.pid, number)
        except ProcessLookupError:
            break
        time.sleep(0.02)
    _, stderr = process.communicate(timeout=120)  # its pipes are open for as long as a worker lives
    deadline = time.monotonic() + 30
    while alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert alive(process.pid) == []
    return stderr


def check(config, out, right, process, number, stderr):
    if number != signal.SIGKILL:
        assert process.returncode in (0, 128 + number, -number), stderr
        if process.returncode == 128 + number:  # from when it listens
            assert leftovers(out) == [], stderr
            assert "Traceback" not in stderr and stderr.splitlines()[-1].startswith("interrupted"), stderr
    assert tiny.results(out).items() <= right.items()
    assert tiny.run(config, out, "0-3").exit_code == 0
    assert tiny.results(out) == right and leftovers(out) == []


def leftovers(out):
    """Files that are none of a command's results; `compare` leaves tables."""
    return [name for name in tiny.leftovers(out) if not name.startswith("compare.")]


def after_first_result(process, out):
    deadline = time.monotonic() + 120
    while not list(out.glob("*.h5")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.mark.parametrize("number", GENTLE)
def test_a_signal_ends_a_command_as_ctrl_c_does(config, right, tmp_path, number):
    out = tmp_path / "o"
    process = begin(config, out, "two workers" if number == signal.SIGTERM else "run")
    after_first_result(process, out)
    stderr = end(process, number, everybody=True, times=3)
    check(config, out, right, process, number, stderr)


def test_a_command_that_is_killed_leaves_what_the_next_one_clears_up(config, right, tmp_path):
    out = tmp_path / "o"
    process = begin(config, out, "run")
    after_first_result(process, out)
    check(config, out, right, process, signal.SIGKILL, end(process, signal.SIGKILL, everybody=True))


@pytest.mark.long
def test_commands_killed_at_random_moments(config, right, tmp_path):
    dice = random.Random(11)
    begun = time.monotonic()
    begin(config, tmp_path / "whole", "two workers").communicate(timeout=300)
    whole_s = time.monotonic() - begun
    for i in range(MANY_KILLS):
        out, number = tmp_path / str(i), dice.choice((*GENTLE, signal.SIGKILL))
        process = begin(config, out, dice.choice(list(COMMANDS)))
        try:
            process.wait(dice.uniform(0, whole_s))
        except subprocess.TimeoutExpired:
            pass
        stderr = end(process, number, dice.random() < 0.5, dice.choice((1, 1, 5)))
        check(config, out, right, process, number, stderr)


def test_a_lock_left_beside_a_finished_run_goes_with_the_next_command(config, right, tmp_path):
    """Killed after the result had its name, before its lock was removed."""
    assert tiny.run(config, tmp_path, "0").exit_code == 0
    for path in list(tmp_path.glob("*.h5")):
        path.with_suffix(".lock").touch()
    assert tiny.run(config, tmp_path, "0").exit_code == 0
    assert tiny.leftovers(tmp_path) == []
