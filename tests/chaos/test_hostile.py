"""Result files made by hand under a right checksum: every reader takes them, or refuses in one short line."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest
import small
from hostile import CHANGES, LONGEST, READERS, refusals
from sealing import sealed

from spikewhen.experiments.config import load_config
from spikewhen.experiments.run import run_to_file

SHORT, LONG = 5, 2000
"""Files with two changes each; every single change is tried in the long version."""

SLOWEST_S = 60.0
"""CPU time of a hang; the time by the clock depends on what else the machine does."""


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> Path:
    """A small run that keeps all spikes."""
    folder = tmp_path_factory.mktemp("whole")
    return run_to_file(load_config(small.table(), ('record.spikes="all"',)), 0, folder)


def said(whole: Path, folder: Path, *names: str) -> dict[str, str]:
    """Change a copy of a file, and return what each reader says of it."""
    path = folder / whole.name
    shutil.copy(whole, path)
    with sealed(path, "a") as file:
        for name in names:
            try:
                CHANGES[name](file)
            except (KeyError, ValueError, OSError, TypeError, IndexError):  # the first change is in the way
                pass
    started = time.process_time()
    found = dict(refusals(path))
    assert time.process_time() - started < SLOWEST_S, names
    for reader, line in found.items():
        assert len(line) <= LONGEST and line.replace("\\", "").isprintable(), (names, reader, line)
    return found


def test_the_file_itself_is_read_by_everyone(whole: Path, tmp_path: Path):
    assert set(said(whole, tmp_path).values()) == {""}


@pytest.mark.parametrize("name", ["hard links 2^40", "config not JSON", "output 1-d", "trials/event 99"])
def test_what_would_mislead_a_reader_is_refused_by_all(whole: Path, tmp_path: Path, name: str):
    found = said(whole, tmp_path, name)
    assert len(found) == len(READERS) and all(str(tmp_path) in line for line in found.values())


@pytest.mark.parametrize(
    "seed, n", [pytest.param(1, SHORT), pytest.param(2, LONG, marks=pytest.mark.long)], ids=["short", "long"]
)
def test_two_changes_at_once_are_read_or_refused(whole: Path, tmp_path: Path, seed: int, n: int):
    rng = random.Random(seed)
    for i in range(n):
        folder = tmp_path / str(i)
        folder.mkdir()
        said(whole, folder, *rng.sample(sorted(CHANGES), 2))
        shutil.rmtree(folder)


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(CHANGES))
def test_every_change_is_read_or_refused(whole: Path, tmp_path: Path, name: str):
    said(whole, tmp_path, name)
