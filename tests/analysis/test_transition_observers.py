"""Observers of sequences: known series, published regressions on P300 and reaction times, faults named."""

import csv

import numpy as np
import pytest

from spikewhen.analysis.sequence_fits import (
    DATA,
    fit,
    mean_surprise,
    measured,
    regress,
    sequences,
    squires_surprise,
)
from spikewhen.analysis.transition_observers import surprise
from spikewhen.reservoir.errors import InputError

NAN = np.nan
SERIES = np.array([[letter == "A" for letter in "AABABBAA"]])
KNOWN = {
    "items, leak 16": ("items", {"omega": 16}, [1, 0.5999, 1.9343, 0.7784, 1.5282, 1.1542, 1.0763, 0.8875]),
    "alternation, leak 16": (
        "alternation",
        {"omega": 16},
        [NAN, 1, 1.5555, 0.9787, 0.7209, 1.6100, 0.8199, 1.4142],
    ),
    "transitions, leak 16": ("transitions", {"omega": 16}, [1, 1, 1.5555, 1, 0.9794, 1.5273, 1.0429, 1.3321]),
    "transitions, change .013": (
        "transitions",
        {"p_change": 0.013},
        [1, 1, 1.6520, 1, 0.9894, 1.6414, 1.0213, 1.3277],
    ),
    "items, change .019": (
        "items",
        {"p_change": 0.019},
        [1, 0.5553, 2.0747, 0.7775, 1.5457, 1.1680, 1.0757, 0.8684],
    ),
}
NAMES = {
    "item frequency": "items",
    "alternation frequency": "alternation",
    "transition probabilities": "transitions",
}


@pytest.mark.parametrize(("statistic", "memory", "bits"), KNOWN.values(), ids=KNOWN)
def test_surprise_of_a_known_series(statistic, memory, bits):
    np.testing.assert_allclose(surprise(SERIES, statistic, **memory)[0], bits, atol=5e-5)


def test_a_perfect_memory_counts():
    p = 2.0 ** -surprise(SERIES, "items", omega=np.inf)[0]
    np.testing.assert_allclose(p, [1 / 2, 2 / 3, 1 / 4, 3 / 5, 2 / 6, 3 / 7, 4 / 8, 5 / 9])


@pytest.mark.parametrize("statistic", ["items", "alternation", "transitions"])
@pytest.mark.parametrize("memory", [{"omega": 7.0}, {"p_change": 0.05}])
def test_exchanging_the_items_changes_no_surprise(statistic, memory):
    x = np.random.default_rng(0).random((3, 30)) < 0.4
    np.testing.assert_allclose(surprise(x, statistic, **memory), surprise(~x, statistic, **memory))


def test_a_world_that_changes_forgets():
    """After 30 A, a run of B is believed sooner by who expects changes."""
    x = np.array([[True] * 30 + [False] * 5])
    still, changing = (surprise(x, "items", p_change=p)[0] for p in (0.0, 0.05))
    assert changing[-1] < 0.5 * still[-1]


def published() -> list:
    with open(DATA / "published_fits.csv", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["statistic"] in NAMES and r["memory"] != "window"]
    return [pytest.param(r, id=f"{r['data']}, {r['statistic']}, {r['memory']}") for r in rows]


@pytest.mark.parametrize("row", published())
def test_published_fits_to_p300(row):
    """R2 as published to four digits, but for rounding of the tables in the last one."""
    value = float(row["parameter"])
    memory = {"p_change": value} if row["memory"] == "change point" else {"omega": value}
    if row["memory"] == "perfect":
        memory = {"omega": np.inf}
    found = fit(row["data"], NAMES[row["statistic"]], **memory)
    assert found.r2 == pytest.approx(float(row["R2"]), abs=1.01e-4)
    assert found.bic == pytest.approx(float(row["BIC"]), abs=2e-3)


def test_published_coefficients_of_the_best_fit():
    found = fit("squires1976", "transitions", omega=16)
    assert (round(found.slope, 2), round(found.intercept, 2)) == (3.74, -1.92)


@pytest.mark.parametrize(
    ("study", "statistic", "omega", "r2"),
    [
        ("cho2002", "transitions", 3, 0.958),
        ("cho2002", "items", 4, 0.546),
        ("cho2002", "alternation", 1, 0.868),
        ("huettel2002", "transitions", 6, 0.825),
        ("huettel2002", "items", 8, 0.801),
        ("huettel2002", "alternation", 6, 0.632),
    ],
)
def test_published_fits_to_reaction_times(study, statistic, omega, r2):
    """The authors drew sequences of their own for these; ours are those of the P300."""
    assert fit(study, statistic, omega=omega).r2 == pytest.approx(r2, abs=0.01)


@pytest.mark.parametrize(("study", "r2"), [("squires1976", 0.748), ("kolossa2013", 0.850)])
def test_the_descriptive_model_of_squires(study, r2):
    found = regress(measured(study).value, squires_surprise(study))
    assert found.r2 == pytest.approx(r2, abs=5e-4)


def test_surprise_given_by_hand_takes_the_place_of_an_observer():
    series = {p: (sequences(p), surprise(sequences(p), "items", omega=11)) for p in (0.3, 0.5, 0.7)}
    by_hand = mean_surprise("squires1976", "", series)
    np.testing.assert_array_equal(by_hand, mean_surprise("squires1976", "items", omega=11))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (dict(sequences=np.ones(3, bool)), "sequences"),
        (dict(statistic="pairs"), "statistic"),
        (dict(p_change=0.1), "omega, p_change"),
        (dict(omega=0.0), "omega"),
        (dict(omega=None, p_change=1.0), "p_change"),
    ],
)
def test_a_mistake_is_named(change, where):
    with pytest.raises(InputError, match=where):
        surprise(**{**dict(sequences=SERIES, statistic="items", omega=3.0), **change})
    with pytest.raises(InputError, match="study"):
        measured("nobody2000")
