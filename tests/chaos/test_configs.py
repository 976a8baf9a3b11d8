"""Configs changed at random: each is planned, or refused in one short line that names what was changed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from fuzz_configs import faults, mutants, outcome

SHORT, LONG = 300, 20_000
"""Configs tried."""


@pytest.mark.parametrize(
    "n, seed", [pytest.param(SHORT, 1), pytest.param(LONG, 2, marks=pytest.mark.long)], ids=["short", "long"]
)
def test_changed_configs_are_planned_or_refused_in_one_line(n: int, seed: int, tmp_path: Path):
    seen: Counter[str] = Counter()
    for i, mutant in enumerate(mutants(seed, n)):
        try:
            said = outcome(mutant, tmp_path, as_file=i % 8 == 0)
        except Exception as error:
            pytest.fail(f"{mutant.origin}, {mutant.changed}: {type(error).__name__}: {str(error)[:200]}")
        seen["planned" if said == "planned" else "refused"] += 1
        if said != "planned":
            assert not list(faults(said, mutant)), (said, mutant.origin, mutant.changed)
    assert min(seen["planned"], seen["refused"]) > n // 20
