"""Standard streams that are closed or full decide no result; surroundings that cannot work are told."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import tiny

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


def shell(line, *words):
    return subprocess.run(
        ["bash", "-c", line, "bash", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        env=tiny.ENVIRONMENT,
    )


ALL = " ".join(tiny.COMMAND)


def test_a_closed_and_a_full_stderr_change_nothing(config, right, tmp_path):
    run = f'{ALL} run "$1" --seeds 0-1 --threads 1 --out "$2"'
    for name, line in (("closed", f"{run} 2>&-"), ("full", f"{run} --threads 2 2>/dev/full")):
        out = tmp_path / name
        done = shell(line, config, out)
        assert done.returncode == 0 and "2 runs" in done.stdout
        assert len(tiny.results(out)) == 2 and tiny.results(out).items() <= right.items()
        assert tiny.leftovers(out) == []


def test_a_reader_that_leaves_ends_a_command_quietly():
    done = shell(f"{ALL} config show meet | head -1; echo ${{PIPESTATUS[0]}}")
    assert done.stdout.splitlines()[-1] == "0" and done.stderr == ""


def test_a_full_stdout_is_told_in_one_line():
    done = shell(f"{ALL} config list > /dev/full")
    (line,) = tiny.errors(done.stderr)
    assert done.returncode == 2 and line.startswith("error: standard output: No space left")


def test_nothing_is_written_into_a_file_in_place_of_a_closed_stream():
    done = shell(f"{ALL} config list >&- 2>&- <&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("surroundings", "said"),
    [
        ("export NUMBA_DISABLE_JIT=1", "NUMBA_DISABLE_JIT = 1: unset"),
        ("export NUMBA_NUM_THREADS=0", "NUMBA_NUM_THREADS = '0': a number >= 1"),
        ("ulimit -v 400000", "address space is limited to 410 MB (ulimit -v)"),
    ],
)
def test_surroundings_that_cannot_work_are_told_in_one_line(config, tmp_path, surroundings, said):
    done = shell(f'{surroundings}; {ALL} run "$1" --seed 0 --out "$2"', config, tmp_path / "o")
    (line,) = tiny.errors(done.stderr)
    assert done.returncode == 2 and said in line and not (tmp_path / "o").exists()


def test_windows_of_the_users_choice_have_no_say_in_files():
    code = "import os; from spikewhen.experiments.cli import app; app.app = lambda **_: None; app.main();"
    code += "import matplotlib; print(matplotlib.get_backend())"
    done = shell(f"export MPLBACKEND=nonsense; {tiny.COMMAND[0]} -c '{code}'")
    assert done.stdout.strip() == "agg" and done.stderr == ""
