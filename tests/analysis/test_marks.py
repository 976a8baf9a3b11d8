"""Curves over seeds: bands of enough of them, lines of few."""

import numpy as np
import pytest

from spikewhen.analysis.bands import Band
from spikewhen.analysis.figures.marks import BAND_FROM, count, curve
from spikewhen.analysis.figures.sheet import Sheet

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("n", [2, BAND_FROM - 1, BAND_FROM, 20])
def test_few_seeds_are_lines_and_many_a_band(n):
    sheet = Sheet(89, 60)
    ax = sheet.axes(15, 9, 60, 40, "a", 10)
    curve(sheet, ax, "a", "E", [1, 2, 3], Band.of(RNG.random((n, 3))), "k")
    few = n < BAND_FROM
    assert len(ax.collections) == (0 if few else 1)
    assert len(ax.lines) == 1 + (n if few else 0)
    assert ("every seed" in count([Band.of(RNG.random((n, 3)))])) == few
