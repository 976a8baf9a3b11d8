"""Tables and numbers for people."""

from __future__ import annotations

import pytest

from spikewhen.analysis.score_names import LABELS, SCORES, heading, main_score
from spikewhen.experiments.tables import Table, interval, number

TABLE = Table(["rule", "timing error (ms)"], [["a|b", "3"], ["<i>", "-"]])


def test_every_score_has_a_heading_of_its_own_with_its_unit():
    assert LABELS.keys() == SCORES.keys()
    assert len({heading(name) for name in SCORES}) == len(SCORES)
    assert heading("timing_error_ms") == "timing error (ms)"
    assert heading("a_score_of_a_user") == "a score of a user"


def test_rules_are_compared_by_the_score_of_their_task():
    assert main_score(["brier", "error"]) == "error"
    assert main_score(["free_rmse", "free_amplitude"]) == "free_rmse"
    assert main_score([]) is None


def test_a_table_has_one_content_and_three_looks():
    assert TABLE.text().splitlines() == ["rule  timing error (ms)", "a|b   3", "<i>   -"]
    assert TABLE.markdown().splitlines()[2] == "| a\\|b | 3 |"
    assert "<td>&lt;i&gt;</td>" in TABLE.html()


def test_long_headings_are_broken_only_where_the_table_is_too_wide():
    assert TABLE.text(width=20).splitlines()[:2] == ["rule  timing error", "      (ms)"]
    assert TABLE.text(width=5) == TABLE.text()  # no way to make it fit


@pytest.mark.parametrize(
    ("values", "text"),
    [((0.5, 0.25, 0.75), "0.5 [0.25, 0.75]"), ((0.5, None, None), "0.5"), ((None, None, None), "-")],
)
def test_an_interval_is_written_as_far_as_it_is_known(values, text):
    assert interval(*values) == text
    assert number(float("inf")) == "-"
