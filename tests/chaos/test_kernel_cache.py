"""Kernels on disk: whatever happens to a file, results stay, it is said once, and the cache is mended."""

from __future__ import annotations

import errno
import logging
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numba as nb
import numpy as np
import pytest
from numba.core import caching, config

from spikewhen.gpu import compile as nvrtc
from spikewhen.reservoir import compile as compiling
from spikewhen.reservoir import kernel_cache
from spikewhen.reservoir.kernel_cache import MARK, read_kernel, write_kernel

FLIPS = 12
"""Bits flipped in the short version, each followed by a compilation of a small kernel."""

LONG_FLIPS = 400
REAL_FLIPS = 10
"""Bits flipped in the long version in the kernels of a whole run."""

ARRAY = np.linspace(-1, 2, 37)


def kernel(a):
    """Something small whose result shows every change of it."""
    total = 0.0
    for i in range(a.size):
        total += a[i] * a[i] - 0.3 * total
    return total


RIGHT = kernel(ARRAY)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of kernels of its own."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(kernel_cache, "_told", set())
    return tmp_path


def fresh() -> tuple[float, Any]:
    """Compile the kernel, or read it, as a new process would; return its result and the dispatcher."""
    dispatcher = compiling.compile_kernel(kernel, nrt=False)
    return dispatcher(ARRAY), dispatcher


def hits(dispatcher: Any) -> int:
    """How often the kernel was read from disk."""
    return sum(dispatcher.stats.cache_hits.values())


def only_file(folder: Path) -> Path:
    """Return the one kernel that is kept, and no leftover beside it but the empty file of locks."""
    (found,) = (p for p in folder.rglob("*") if p.is_file() and p.name != kernel_cache.LOCKS)
    return found


def mended(folder: Path, caplog: Any, told: str = "compiled again") -> None:
    """Expect the right result, one line of warning, and a file that is read the next time."""
    caplog.clear()
    kernel_cache._told.clear()
    result, dispatcher = fresh()
    assert result == RIGHT and hits(dispatcher) == 0
    assert [told in r.message and r.levelno == logging.WARNING for r in caplog.records] == [True]
    assert "\n" not in caplog.text.strip()
    result, dispatcher = fresh()
    assert result == RIGHT and hits(dispatcher) == 1 and len(caplog.records) == 1


def test_an_untouched_kernel_is_read_without_a_word(folder, caplog):
    assert fresh()[0] == RIGHT
    result, dispatcher = fresh()
    assert result == RIGHT and hits(dispatcher) == 1 and not caplog.records
    assert only_file(folder).read_bytes().startswith(MARK)


def flip(path: Path, data: bytes, bit: int) -> None:
    """Write the bytes with one bit another one."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    path.write_bytes(changed)


def flipped(folder: Path, caplog: Any, times: int) -> None:
    """Flip a bit, use the kernel, and again."""
    fresh()
    path = only_file(folder)
    data = path.read_bytes()
    first = (0, 8 * len(MARK), 8 * (len(MARK) + 31), 8 * (len(MARK) + 32), 8 * len(data) - 1)
    drawn = np.random.default_rng(17).integers(0, 8 * len(data), times - len(first))
    for bit in (*first, *drawn.tolist()):
        flip(path, data, bit)
        mended(folder, caplog)
        assert only_file(folder) == path


def test_one_flipped_bit_changes_no_result_and_is_mended(folder, caplog):
    flipped(folder, caplog, FLIPS)


@pytest.mark.long
def test_many_flipped_bits_change_no_result_and_are_mended(folder, caplog):
    flipped(folder, caplog, LONG_FLIPS)


DAMAGE = {
    "empty": lambda data: b"",
    "cut in its mark": lambda data: data[:5],
    "cut in its digest": lambda data: data[: len(MARK) + 9],
    "half": lambda data: data[: len(data) // 2],
    "one byte short": lambda data: data[:-1],
    "one byte longer": lambda data: data + b"\0",
    "zeros": lambda data: bytes(len(data)),
    "of an older release": lambda data: pickle.dumps("0.60.0") + data,
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_kernel_is_compiled_again_and_replaced(folder, caplog, case):
    fresh()
    path = only_file(folder)
    path.write_bytes(DAMAGE[case](path.read_bytes()))
    mended(folder, caplog)


def test_what_fits_its_digest_and_is_no_kernel_is_compiled_again(folder, caplog):
    fresh()
    path = only_file(folder)
    key = pickle.loads(path.read_bytes()[len(MARK) + 32 :])[0]
    for wrong in ("nonsense", None, (1, 2, 3)):
        write_kernel(path, key, wrong)
        mended(folder, caplog)
    write_kernel(path, "of another kernel", "nonsense")
    mended(folder, caplog)


class Planted:
    """Unpickling it leaves a trace."""

    loaded = 0

    def __setstate__(self, state: Any) -> None:
        Planted.loaded += 1


def test_nothing_is_unpickled_before_its_digest_fits(tmp_path):
    path = tmp_path / "k.nbc"
    planted = Planted()
    planted.some = 1  # type: ignore[attr-defined]
    write_kernel(path, "key", planted)
    assert isinstance(read_kernel(path, "key"), Planted) and Planted.loaded == 1
    data = path.read_bytes()
    flip(path, data, 8 * len(MARK) + 3)
    with pytest.raises(ValueError, match="digest"):
        read_kernel(path, "key")
    assert Planted.loaded == 1


@pytest.mark.parametrize("code", ["ENOSPC", "EROFS", "EACCES", "EDQUOT", "EIO"])
def test_a_kernel_that_cannot_be_kept_is_done_without(folder, caplog, monkeypatch, code):
    def full(*_: Any, **__: Any) -> None:
        raise OSError(getattr(errno, code), os.strerror(getattr(errno, code)))

    monkeypatch.setattr(os, "replace", full)
    for _ in range(3):
        result, dispatcher = fresh()
        assert result == RIGHT and hits(dispatcher) == 0
    (told,) = [r.message for r in caplog.records]
    assert str(folder) in told and os.strerror(getattr(errno, code)) in told
    assert not [p for p in folder.rglob("*") if p.is_file() and p.name != kernel_cache.LOCKS]


def test_a_folder_in_the_place_of_a_kernel_is_done_without(folder, caplog):
    fresh()
    path = only_file(folder)
    path.unlink()
    path.mkdir()
    assert fresh()[0] == RIGHT
    assert len(caplog.records) == 2  # it can be neither read nor replaced


def test_where_no_folder_can_be_written_everything_is_compiled(folder, caplog, monkeypatch):
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    for _ in range(2):
        assert fresh()[0] == RIGHT
    (told,) = [r.message for r in caplog.records]
    assert "no folder can be written" in told


def test_writers_and_readers_at_the_same_time_see_whole_kernels(tmp_path):
    path, wrong, done = tmp_path / "k.nbc", [], threading.Event()
    kernels = {key: key * 20_000 for key in "abcd"}
    write_kernel(path, "a", kernels["a"])

    def write(key: str) -> None:
        while not done.is_set():
            write_kernel(path, key, kernels[key])

    def read() -> None:
        for _ in range(200):
            for key in kernels:
                try:
                    found = read_kernel(path, key)
                except ValueError as error:
                    if "another kernel's" not in str(error):
                        wrong.append(error)
                else:
                    if found != kernels[key]:
                        wrong.append(key)

    writers = [threading.Thread(target=write, args=(key,)) for key in kernels]
    for thread in writers:
        thread.start()
    read()
    done.set()
    for thread in writers:
        thread.join()
    assert not wrong and only_file(tmp_path) == path


def test_kernels_of_two_keys_stand_in_two_files(folder):
    """Two processes that compile two kernels of one function at once cannot swap them: there is no index."""
    for variant in (("a",), ("b",)):
        assert compiling.compile_kernel(kernel, variant=variant, nrt=False)(ARRAY) == RIGHT
    assert len(list(folder.rglob("*.nbc"))) == 2


def test_bounds_checks_are_part_of_the_key(folder, monkeypatch):
    """A warm cache must not answer NUMBA_BOUNDSCHECK=1 with kernels that check nothing."""
    fresh()
    monkeypatch.setattr(config, "BOUNDSCHECK", 1)
    result, dispatcher = fresh()
    assert result == RIGHT and hits(dispatcher) == 0
    assert len(list(folder.rglob("*.nbc"))) == 2
    assert hits(fresh()[1]) == 1


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """Compile for a GPU without NVRTC; the list grows with every compilation."""
    calls = []

    def stand_in(source: str, options: tuple) -> tuple[bytes, bytes, bytes]:
        calls.append(source)
        return b"ptx", b"log", b"cubin" * 50

    monkeypatch.setenv("SPIKEWHEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(nvrtc, "_compile", stand_in)
    monkeypatch.setattr(nvrtc, "nvrtc_version", lambda: (12, 4))
    monkeypatch.setattr(kernel_cache, "_told", set())
    return calls


@pytest.mark.parametrize("suffix", ["ptx", "log", "cubin", "sha256"])
@pytest.mark.parametrize("damage", ["flip", "empty", "gone"])
def test_a_damaged_kernel_of_a_gpu_is_compiled_again_and_replaced(compiled, caplog, suffix, damage):
    first = nvrtc.compile_for_gpu("text", "sm_90")
    assert first == nvrtc.compile_for_gpu("text", "sm_90") and len(compiled) == 1
    path = first.path.with_suffix(f".{suffix}")
    if damage == "flip":
        flip(path, path.read_bytes(), 9)
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()
    for _ in range(2):
        again = nvrtc.compile_for_gpu("text", "sm_90")
        assert again == first and again.path.read_bytes() == b"cubin" * 50 and len(compiled) == 2
    told = [r for r in caplog.records if "compiled again" in r.message]
    assert len(told) == (0 if (suffix, damage) == ("sha256", "gone") else 1)


def test_a_kernel_of_a_gpu_that_cannot_be_kept_is_done_without(compiled, caplog, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SPIKEWHEN_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert nvrtc.compile_for_gpu("text", "sm_90").path.read_bytes() == b"cubin" * 50
    assert ["nothing can be kept" in r.message for r in caplog.records] == [True]


RUN = """
from lively import train
from spikewhen.reservoir.rules import LMS
print(train(rules={"lms": LMS(eta=0.1)}).arrays["/rule_state/lms/w"].tobytes().hex())
"""


@pytest.mark.long
def test_a_run_whose_kernels_are_damaged_gives_the_same_bytes(tmp_path):
    root = Path(__file__).parents[2]
    paths = os.pathsep.join([str(root / "tests"), str(root)])
    env = {**os.environ, "PYTHONPATH": paths, "NUMBA_CACHE_DIR": str(tmp_path)}

    def run() -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, env=env)

    clean = run()
    assert clean.returncode == 0 and run().stdout == clean.stdout
    rng = np.random.default_rng(17)
    paths_ = sorted(p for p in tmp_path.rglob("*.nbc"))
    before = {p: p.read_bytes() for p in paths_}
    for _ in range(REAL_FLIPS):
        path = paths_[rng.integers(len(paths_))]
        flip(path, before[path], int(rng.integers(8 * len(before[path]))))
        found = run()
        assert found.returncode == 0 and found.stdout == clean.stdout, found.stderr
        assert found.stderr.count("compiled again") == 1
        assert read_kernel(path, pickle.loads(before[path][len(MARK) + 32 :])[0])
    assert nb.config.BOUNDSCHECK is None
