"""Every known fault of a prediction is noticed by a score, and docs/scores.md says so."""

from pathlib import Path

import numpy as np
import pytest

from spikewhen.paradigms.meet import Meet
from spikewhen.validation.score_faults import (
    CHECKS,
    PREDICTIONS,
    SHIPPED,
    describe,
    noticed_by,
    score_prediction,
)

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "scores.md"
FAULTS = [name for name in PREDICTIONS if name != "perfect"]


def at_eighty_percent(name, score):
    return score_prediction(name, SHIPPED[:1])[score][0]


def test_the_document_holds_what_the_command_prints():
    assert describe() in DOCUMENT.read_text(encoding="utf-8"), (
        "python -m spikewhen.validation.score_faults, into docs/scores.md"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("perfect", 0),
        ("silence", 1),
        ("rare event ignored", 0.24),
        ("winner takes all", 0.34),
        ("equal p", 0.51),
        ("15 ms late", 0.35),
    ],
)
def test_the_errors_that_the_documents_state(name, expected):
    assert at_eighty_percent(name, "error") == pytest.approx(expected, abs=0.005)


def test_the_contingencies_are_those_of_the_task():
    shipped = [(b.probability[0][0], *b.latency_ms[0]) for b in Meet().blocks]
    assert list(SHIPPED) == shipped[:4] and shipped[4] == shipped[0]


def test_nothing_is_wrong_with_a_perfect_prediction():
    assert noticed_by("perfect") == []


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_noticed_by_a_score_other_than_e(name):
    assert set(noticed_by(name)) - {"E"}


@pytest.mark.parametrize("name", ["rare event ignored", "winner takes all", "p counted twice", "15 ms late"])
def test_these_faults_have_the_error_of_a_network_that_learned(name):
    assert "E" not in noticed_by(name)


@pytest.mark.parametrize("check", CHECKS)
def test_every_score_notices_something(check):
    assert any(check in noticed_by(name) for name in FAULTS)


def test_what_separates_the_faults_that_e_confuses():
    assert at_eighty_percent("rare event ignored", "error_channel")[1] == 1
    assert at_eighty_percent("winner takes all", "error") == at_eighty_percent("perfect", "error_winner")
    assert at_eighty_percent("equal p", "error") == at_eighty_percent("perfect", "error_equal_p")
    np.testing.assert_array_equal(at_eighty_percent("15 ms late", "timing_error_ms"), 15)
    assert at_eighty_percent("nothing before the event", "error_before") == pytest.approx(1)
    assert at_eighty_percent("nothing before the event", "error_after") == pytest.approx(0)
    assert at_eighty_percent("right on average only", "error_bias") == pytest.approx(0, abs=1e-12)


def test_the_two_expectations_are_different_tasks():
    assert at_eighty_percent("hazard-conditional", "error_hazard") == 0
    assert at_eighty_percent("hazard-conditional", "error") > 0.9
    assert at_eighty_percent("perfect", "error_hazard") > 0.8
