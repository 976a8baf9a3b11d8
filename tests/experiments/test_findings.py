"""Findings over seeds: equivalence, equal seeds, fractions, and families that are corrected together."""

import math

import numpy as np
import pytest

from spikewhen.experiments.study.claim import (
    FAILS,
    HOLDS,
    OPEN,
    Judged,
    equivalent,
    finding,
    holm_over,
    paired,
)
from spikewhen.experiments.study.report import families, p_of, value
from spikewhen.reservoir.errors import InputError

X = np.arange(8.0)


def shifted(by, noise=0.1):
    return paired(f"by {by}", X + by + noise * np.sin(9 * X), X, at_least=0.0)


@pytest.mark.parametrize(("margin", "verdict"), [(0.2, HOLDS), (0.02, OPEN)])
def test_no_difference_takes_the_ninety_percent_interval_within_a_margin(margin, verdict):
    found = equivalent("E", X + 0.1 * np.sin(9 * X), X, within=margin)
    assert found.verdict == verdict and found.level == 0.9
    assert (found.p < 0.05) == (verdict == HOLDS)
    assert value(found._asdict()).endswith("(90 %)")


def test_a_difference_beyond_the_margin_fails_to_be_none():
    assert equivalent("E", X + 1 + 0.1 * np.sin(9 * X), X, within=0.5).verdict == FAILS


def test_runs_that_are_equal_to_the_bit_are_equivalent():
    assert equivalent("E", X, X, within=0.01).verdict == HOLDS
    assert equivalent("E", X[:3], X[:3], within=0.01).verdict == OPEN


def test_seeds_that_are_all_equal_bound_their_median_from_six_on():
    found = finding("share", [1.0] * 6, at_least=0.95)
    assert (found.verdict, found.of, found.low, found.high) == (HOLDS, "median", 1, 1)
    assert value(found._asdict()) == "1 [1, 1] (median)"
    few = finding("share", [1.0] * 5, at_least=0.95)
    assert few.verdict == OPEN and math.isnan(few.low)


def test_a_fraction_of_seeds_has_its_exact_interval():
    found = finding("seeds that recover", [1] * 20, at_least=0.8, fraction=True)
    assert found.verdict == HOLDS and found.low == pytest.approx(0.025 ** (1 / 20))
    assert finding("seeds that recover", [1] * 10, at_least=0.8, fraction=True).verdict == OPEN


def test_an_interval_among_many_is_wider():
    one, many = finding("E", X, at_most=9), finding("E", X, at_most=9, among=10)
    assert many.high > one.high and many.level == pytest.approx(0.995)
    assert families({"findings": [many._asdict()]}) == " Corrected over: 10 findings, Bonferroni."


def test_a_family_is_corrected_by_holm_and_says_so():
    found = holm_over("shifts", [shifted(by) for by in (1, 2, 3)])
    assert [f.p for f in found] == [2 / 2**8] * 3
    assert [f.p_holm for f in found] == pytest.approx([6 / 2**8] * 3)
    assert all(f.verdict == HOLDS and f.family == "shifts (3 tests, Holm)" for f in found)
    assert found[0].d_z > 5
    assert p_of(found[0]._asdict()) == "0.0078 (0.023)"
    assert Judged(found, rests_on=found[0]).p == found[0].p_holm


def test_what_does_not_survive_the_correction_is_not_shown():
    every = [shifted(by) for by in range(1, 8)]  # 7 tests of 8 seeds: the floor is 7 x 2 / 256
    assert {f.verdict for f in every} == {HOLDS}
    assert {f.verdict for f in holm_over("shifts", every)} == {OPEN}
    worse = paired("worse", X - 1 + 0.1 * np.sin(9 * X), X, at_least=0.0)
    assert worse.verdict == FAILS
    assert holm_over("shifts", [worse] * 7)[0].verdict == OPEN


def test_a_family_of_findings_without_tests_is_refused():
    with pytest.raises(InputError, match=r"family rules = .E.: findings of paired tests"):
        holm_over("rules", [finding("E", X, at_most=9)])
