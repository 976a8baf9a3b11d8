"""docs/results.md says what the command found, number by number."""

import re
from pathlib import Path

import pytest

from spikewhen.examples.yamada_chao_2026.results_page import (
    PLACE,
    TEXT,
    judgements,
    read_report,
    render,
    shown,
)
from spikewhen.examples.yamada_chao_2026.study import STUDY
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
    assert render(text, REPORT) == "0.49 [0.43, 0.54] ms, 0.49 ms, fails, 2 hold, 1 not shown, 3 fail"
    assert render("{900 C1: E(10) / E(1) | mean}", "", REPORT) == "0.49 ms"


@pytest.mark.parametrize("text", ["{C2: E}", "{C1: E(20)}", "{C1}", "{900 C1 verdict}"])
def test_what_the_report_does_not_say_cannot_be_written(text):
    with pytest.raises(InputError):
        render(text, REPORT)


def test_the_page_is_the_text_with_the_numbers_of_the_report():
    held_out = DOCS / "claims_900.md"
    reports = [(DOCS / "claims.md").read_text(), held_out.read_text() if held_out.exists() else ""]
    assert (DOCS / "results.md").read_text() == render(TEXT.read_text(), *reports)


def test_the_committed_report_can_be_read():
    report = read_report((DOCS / "claims.md").read_text())
    assert {"C1", "C5", "V"} <= set(report.values) == set(report.verdicts)
    assert all(re.search(r"\d", value) for value in report.values["C1"].values())


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        ("−0.412 [−0.46, −0.36]", "less", "0.41 [0.36, 0.46]"),
        ("−0.0074 [−0.0957, 0.0496]", "less", "0.0074 [−0.050, 0.10]"),
        ("0.545 [−0.274, 0.799] ms", "mean", "0.55 ms"),
        ("20 [15, 30] trials (median)", "", "20 [15, 30] trials"),
        ("84.07 [83.4, 84.8] deg", "mean", "84.1°"),
        ("−3.8e−06", "mean", "0.0000"),
        ("−7.5 [−10, 10]", "", "−7.5 [−10, 10]"),
    ],
)
def test_a_value_is_shown_with_two_digits_and_if_asked_without_sign(value, form, expected):
    assert shown(value, form) == expected


def test_a_sentence_that_says_less_takes_no_value_that_is_more():
    with pytest.raises(InputError, match="negative"):
        shown("0.02 [0.01, 0.03]", "mean less")


def test_what_least_squares_costs_is_the_ratio_of_the_report():
    values = read_report((DOCS / "claims.md").read_text()).values["C5"]
    page = TEXT.read_text()
    for of, unit in (("operations per second", "operations"), ("bytes of state", "memory")):
        ratio = float(values[f"{of} of rls_tuned"]) / float(values[f"{of} of local"])
        assert re.search(rf"\b{ratio:.0f} times the {unit}", page)


def test_the_claims_of_a_verdict_are_listed():
    more = REPORT.replace("| C1 | Learned", "| C0 | Said | E | **fails** | 2 | 1 | 3 | .01 |\n| C1 | Learned")
    assert render("{claims fails}", REPORT) == "C1" and render("{claims fails}", more) == "C0 and C1"


def test_findings_that_are_judged_otherwise_on_held_out_seeds_are_named():
    held_out = REPORT.replace("**fails**", "holds").replace("≤ 0.71 | holds", "≤ 0.71 | **fails**")
    table = render("{verdicts of both}", REPORT, held_out).splitlines()
    assert table[2] == "| C1 | fails | holds | E(10) / E(1): holds → fails |" and len(table) == 3
    assert render("{alike in both}", REPORT, held_out) == "0 of 1"


def test_findings_are_matched_whatever_rate_was_best_and_whatever_they_are_the_same_as():
    row = "| {} | | 0.3 [0.2, 0.4] | 20 | below 0 | {} | .01 |\n"
    first = REPORT + row.format("E after 5", "holds")
    first += row.format("the same at the best rate (x 1, x 0.5)", "holds")
    first += row.format("E after 9", "holds") + row.format("the same at the best rate (x 2, x 4)", "fails")
    second = first.replace("(x 2, x 4)", "(x 1, x 4)").replace("(x 1, x 0.5)", "(x 2, x 4)")
    assert render("{alike in both}", first, second) == "5 of 5"


def test_what_the_page_says_of_held_out_verdicts_stands_in_both_reports():
    reports = [read_report((DOCS / name).read_text()) for name in ("claims.md", "claims_900.md")]
    pairs = [(claim, *found) for claim, all_ in judgements(*reports).items() for found in all_]
    assert len(pairs) == sum(int(n) for counts in reports[0].tallies.values() for n in counts)
    turned = [(claim, *now) for claim, _, *now in pairs if sorted(now) == ["fails", "holds"]]
    assert turned == [("C9", "fails", "holds")]
    changed = [c for c in reports[0].verdicts if reports[0].verdicts[c] != reports[1].verdicts[c]]
    assert changed == ["C2"] and reports[1].verdicts["C2"] == "fails"


def test_every_figure_of_the_study_stands_on_its_page():
    page = (DOCS / "article_figures.md").read_text()
    shown_there = re.findall(r"\(figures/(.*?)\.png\)", page)
    assert shown_there == list(STUDY.figures)
    assert all((DOCS / "figures" / f"{name}.png").is_file() for name in shown_there)


def test_a_star_stands_for_what_differs_between_reports():
    assert render("{C1: E(*) / E(1) | mean}", REPORT) == "0.49 ms"
    two = REPORT + "| E(50) / E(1) | 0.48 | 0.32 | 20 | ≤ 0.48 | holds |  |\n"
    with pytest.raises(InputError, match="not 2"):
        render("{C1: E(*) / E(1)}", two)


def test_no_decimal_of_the_text_is_written_by_hand():
    """Beyond what was required or published, which the report says too, and settings of the gate."""
    by_hand = {float(x) for x in re.findall(r"(?<![\w.])\d*\.\d+", PLACE.sub("", TEXT.read_text()))}
    report = (DOCS / "claims.md").read_text()
    said = {cell for line in report.splitlines() for cell in line.split("|")[2:6:3] if line.startswith("| ")}
    known = {float(x) for cell in said for x in re.findall(r"\d*\.\d+", cell)}
    assert by_hand - known <= {0.87, 0.15}  # the gate's baseline, and what was aimed at
