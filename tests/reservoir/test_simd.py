"""Rows of 32 numbers are worked on whole or in parts, with the same bits."""

from __future__ import annotations

import numba as nb
import numpy as np
import pytest

from spikewhen.reservoir import simd
from spikewhen.reservoir.simd import lanes_at_once, simd_function
from spikewhen.reservoir.vector import ArrayRow, Vector

AVX512, AVX2, SSE2 = "+sse4.2,+avx,+avx2,+avx512f", "+sse4.2,+avx,+avx2,-avx512f", "+sse2,-avx"


def step(out: ArrayRow, counts: ArrayRow, a: ArrayRow, b: ArrayRow, factor: Vector, first: Vector) -> Vector:
    """Do a bit of everything that a row may be part of."""
    value = (a.row(1) * b.lane(3) - b / (a * a + 2.0).sqrt()).or_zero(-0.5) * factor
    out.set(value)
    counts.set((counts.counted(first).turned(5) ^ 77) & 0xFFFF)
    return value + counts.counted(first).real_like(factor) >= 40.0


def work(width, precision, monkeypatch, checked=False, size=96):
    """Do `step` on rows that begin at 32, so many lanes at once; returns what it wrote and said."""
    monkeypatch.setattr(simd, "lanes_at_once", lambda features, element_bytes: width)
    of_rows = simd_function(step)

    @nb.njit(error_model="numpy", boundscheck=checked)
    def call(out, counts, a, b, factor, first):
        return of_rows(out, 32, counts, 32, a, 32, b, 32, factor, first)

    rng, real = np.random.default_rng(5), np.dtype(precision).type
    a, b = rng.standard_normal((2, size)).astype(precision)
    out, counts = np.full(96, 9, precision), np.full(96, 9, np.uint32)
    return call(out, counts, a, b, real(1.5), np.uint32(20)), out, counts


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("width", [2, 4, 8, 16])
def test_parts_of_a_row_leave_the_bits_of_the_whole(width, precision, monkeypatch):
    whole, parts = (work(w, precision, monkeypatch) for w in (32, width))
    assert 0 < whole[0] < 2**32 - 1
    for one, other in zip(whole, parts, strict=True):
        assert np.array_equal(one, other)
    written = slice(32, 64)
    assert len(np.unique(parts[1][written])) > 20 and (np.delete(parts[1], np.arange(32, 64)) == 9).all()
    assert parts[2][32] == ((20 << 5) ^ 77) and parts[2][63] == ((51 << 5) ^ 77)


@pytest.mark.parametrize("width", [8, 32])
def test_an_index_outside_is_refused_where_numba_checks(width, monkeypatch):
    work(width, "float64", monkeypatch, checked=True)
    with pytest.raises(IndexError):
        work(width, "float64", monkeypatch, checked=True, size=90)


@pytest.mark.parametrize(
    ("features", "element_bytes", "lanes"),
    [(AVX512, 8, 32), (AVX2, 4, 16), (AVX2, 8, 8), (SSE2, 8, 4), (SSE2, 4, 8), (AVX2, 1, 32)],
)
def test_as_many_lanes_are_taken_as_two_registers_hold(features, element_bytes, lanes):
    assert lanes_at_once(features, element_bytes) == lanes
