"""docs/results.md says what the command found, number by number."""

import re
from pathlib import Path

import pytest

from spikewhen.examples.yamada_chao_2026.results_page import TEXT, read_report, render
from spikewhen.reservoir.errors import InputError

DOCS = Path(__file__).parents[2] / "docs"
REPORT = """
| claim | | published | verdict | hold | not shown | fail | Holm p |
|---|---|---|---|---|---|---|---|
| C1 | Learned | E | **fails** | 2 | 1 | 3 | .01 |

## C1: Learned

| finding | published | ours, mean [95 % interval] | n | required | verdict | p |
|---|---|---|---|---|---|---|
| E(10) / E(1) | 0.71 | 0.486 [0.435, 0.544] ms | 20 | ≤ 0.71 | holds |  |
"""


def test_a_place_takes_value_mean_verdict_or_tally():
    text = "{C1: E(10) / E(1)}, {C1: E(10) / E(1) | mean}, {C1 verdict}, {C1 tally}"
    assert render(text, REPORT) == "0.486 [0.435, 0.544] ms, 0.486 ms, fails, 2 hold, 1 not shown, 3 fail"
    assert render("{900 C1: E(10) / E(1) | mean}", "", REPORT) == "0.486 ms"


@pytest.mark.parametrize("text", ["{C2: E}", "{C1: E(20)}", "{C1}", "{900 C1 verdict}"])
def test_what_the_report_does_not_say_cannot_be_written(text):
    with pytest.raises(InputError):
        render(text, REPORT)


@pytest.mark.skipif(not TEXT.exists(), reason="no text yet")
def test_the_page_is_the_text_with_the_numbers_of_the_report():
    held_out = DOCS / "claims_900.md"
    reports = [(DOCS / "claims.md").read_text(), held_out.read_text() if held_out.exists() else ""]
    assert (DOCS / "results.md").read_text() == render(TEXT.read_text(), *reports)


def test_the_committed_report_can_be_read():
    report = read_report((DOCS / "claims.md").read_text())
    assert {"C1", "C5", "V"} <= set(report.values) == set(report.verdicts)
    assert all(re.search(r"\d", value) for value in report.values["C1"].values())
