"""C1 to C5 in miniature: three seeds of a shorter task, and four faults that must not pass.

A bound lies four standard errors (of a mean of three seeds) on the bad side of the
mean over seeds 0 to 19, which ``PYTHONPATH=. python tests/guard.py 0-19`` prints.
"""

import numpy as np
import pytest
from guard import FAULTS, measure

SEEDS = (0, 1, 2)

DISTRIBUTION = {
    "C1 E(60) / E(1)": (0.211, 0.061, True),
    "C1 E of equal p minus E": (0.348, 0.049, False),
    "C2 r of amplitude": (0.981, 0.014, False),
    "C2 error of p-hat": (0.055, 0.027, True),
    "C3 timing error, ms": (3.442, 0.581, True),
    "C3 detected": (1.000, 0.000, False),
    "C4 E after the switch of timing": (0.179, 0.041, True),
    "C4 left at the old latency": (0.072, 0.062, True),
    "C5 E of RLS minus E after the switch": (0.876, 0.069, False),
}
"""Mean and SD over seeds 0 to 19, and whether less is better."""

ERRORS = 4.0


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, float]]:
    """Means over the seeds, of the local rule and of each fault in its place."""
    runs = [measure(seed) for seed in SEEDS]
    return {
        label: {name: float(np.mean([run[label][name] for run in runs])) for name in DISTRIBUTION}
        for label in runs[0]
    }


def broken(found: dict[str, float]) -> list[str]:
    """Return the claims whose numbers lie beyond their bounds, with both."""
    out = []
    for name, (mean, sd, less_is_better) in DISTRIBUTION.items():
        slack = ERRORS * sd / np.sqrt(len(SEEDS))
        bound = mean + slack if less_is_better else mean - slack
        if (found[name] > bound) if less_is_better else (found[name] < bound):
            out.append(f"{name} = {found[name]:.3f}, bound {bound:.3f}")
    return out


def test_the_local_rule_keeps_the_claims(measured):
    assert broken(measured["local"]) == []


@pytest.mark.parametrize(
    ("fault", "claims"),
    [
        ("no_error", {"C1", "C3", "C4", "C5"}),
        ("wrong_channel", {"C1", "C2", "C3", "C4", "C5"}),
        ("p_counted_twice", {"C3"}),
        ("slow_what", {"C1", "C2", "C3", "C4", "C5"}),
    ],
)
def test_a_planted_fault_breaks_them(measured, fault, claims):
    found = {line.split()[0] for line in broken(measured[fault])}
    assert fault in FAULTS and claims <= found
