"""What an edit makes the claims of the article measure again."""

import pytest

from spikewhen.examples.yamada_chao_2026.study import STUDY
from spikewhen.experiments.study.source import Sources


@pytest.mark.parametrize("claim", [c for c in STUDY.claims if c.id != "N"], ids=lambda c: c.id)
def test_an_edit_of_a_figure_makes_no_claim_measure_again(claim):
    """Measuring every claim takes hours. The noise budget (N, minutes) runs trials itself, and may."""
    modules, _ = Sources().reached(claim.measure.__module__)
    assert [name for name in modules if ".figures" in name] == []
