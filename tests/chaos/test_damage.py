"""Result files with wrong bits, bytes, pages and lengths, as they are and with their checksum put right."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
import small
from hostile import LONGEST

from spikewhen.experiments.config import load_config
from spikewhen.experiments.run import run_to_file
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.integrity import BLOCK, seal
from spikewhen.reservoir.files.recording import read_run

SHORT, LONG = 150, 8000
"""Damaged files."""

RESEALED_SHORT, RESEALED_LONG = 25, 2000
"""Damaged files whose checksum was put right."""


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> Path:
    """A small run that keeps all spikes."""
    folder = tmp_path_factory.mktemp("whole")
    return run_to_file(load_config(small.table(), ('record.spikes="all"',)), 0, folder)


def damaged(raw: bytes, rng: random.Random, first: int) -> bytes:
    """Return a file's bytes with one damage behind `first`."""
    place = rng.randrange(first, len(raw))
    how = rng.choice(
        ("bit", "byte", "page of zeros", "page of another", "cut", "longer", "swapped", "insert")
    )
    if how == "bit":
        return raw[:place] + bytes([raw[place] ^ 1 << rng.randrange(8)]) + raw[place + 1 :]
    if how == "byte":
        return raw[:place] + bytes([raw[place] ^ rng.randrange(1, 256)]) + raw[place + 1 :]
    if how == "cut":
        return raw[:place]
    if how == "longer":
        return raw + rng.randbytes(rng.choice((1, 512, 4096)))
    if how == "insert":
        return raw[:place] + rng.randbytes(1) + raw[place:]
    size = rng.choice((16, 512, 4096))
    other = rng.randrange(first, len(raw))
    page = bytes(size) if how == "page of zeros" else raw[other : other + size]
    changed = raw[:place] + page + raw[place + len(page) :]
    if how == "swapped":
        part = raw[place : place + len(page)]
        changed = changed[:other] + part + changed[other + len(part) :]
    return changed[: len(raw)]


@pytest.mark.parametrize(
    "seed, n", [pytest.param(1, SHORT), pytest.param(2, LONG, marks=pytest.mark.long)], ids=["short", "long"]
)
def test_a_damaged_file_is_refused_in_one_line(whole: Path, tmp_path: Path, seed: int, n: int):
    raw, rng, path = whole.read_bytes(), random.Random(seed), tmp_path / whole.name
    for _ in range(n):
        changed = damaged(raw, rng, 0)
        if changed == raw:
            continue
        path.write_bytes(changed)
        with pytest.raises(InputError) as caught:
            read_run(path)
        assert len(str(caught.value)) <= LONGEST and str(path) in str(caught.value)


READER = """
import faulthandler, sys
from pathlib import Path
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.recording import read_run
from lively import equal
whole, folder = read_run(sys.argv[1]), Path(sys.argv[2])
for path in sorted(folder.glob("*.h5")):
    faulthandler.dump_traceback_later(60, exit=True)
    print("begin", path.name, flush=True)
    try:
        print("same" if equal(read_run(path), whole) else "other", flush=True)
    except InputError as error:
        assert len(str(error)) <= 300, error
        print("refused", flush=True)
    faulthandler.cancel_dump_traceback_later()
"""


@pytest.mark.parametrize(
    "seed, n",
    [pytest.param(1, RESEALED_SHORT), pytest.param(2, RESEALED_LONG, marks=pytest.mark.long)],
    ids=["short", "long"],
)
def test_damage_under_a_right_checksum_ends_in_one_line(whole: Path, tmp_path: Path, seed: int, n: int):
    """In a process of its own: HDF5 itself may end the process, or never return."""
    raw, rng = whole.read_bytes(), random.Random(seed)
    for i in range(n):
        path = tmp_path / f"{i:05d}.h5"
        path.write_bytes(damaged(raw, rng, BLOCK))
        with open(path, "r+b", buffering=0) as file:
            seal(file)
    command = [sys.executable, "-c", READER, str(whole), str(tmp_path)]
    here = Path(__file__).parents[1]
    done = subprocess.run(command, capture_output=True, text=True, cwd=here, timeout=60 + 60 * n)
    words = done.stdout.split()
    assert done.returncode == 0, (words[-2:], done.stderr[-2000:])
    assert words.count("refused") + words.count("same") + words.count("other") == n
    assert words.count("other") <= n // 50  # what nothing can tell from a run: its own bytes are others
