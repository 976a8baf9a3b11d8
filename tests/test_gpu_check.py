"""The check and the benchmark for a real GPU run to their end on the host device; alone they refuse."""

import pytest

import gpu.check
from gpu.check import CASES, check, report
from gpu.device import why_not
from gpu.host import HostDevice
from gpu.source import Variant
from reservoir.rules import RULES


@pytest.mark.parametrize("name", CASES)
def test_a_case_of_the_check_passes_small(name):
    assert check(HostDevice("shuffled"), name, "float32", 2, 40, 200, 2) == ""


def test_the_check_holds_all_rules_and_both_loops():
    assert {type(r) for case in CASES.values() for r in case.rules} == set(RULES.values())
    assert {bool(case.network.get("feedback_pa")) for case in CASES.values()} == {True, False}


def test_a_difference_is_reported_with_its_place(monkeypatch, capsys):
    whole = Variant.source
    monkeypatch.setattr(
        Variant,
        "source",
        lambda self, rules: whole(self, rules).replace(
            "= r.y[t * K + k] = sum;", "= sum; r.y[t * K + k] = sum + 1;"
        ),
    )
    monkeypatch.setattr(gpu.check, "CASES", {"open loop, local rule": CASES["open loop, local rule"]})
    assert report(HostDevice(), 40, 1000, 1, [2]) == 1
    out = capsys.readouterr().out
    assert "float64, R = 2: repeat 0, replicate 0: differs after step 0" in out and "2 cases differ" in out


def test_without_a_gpu_the_check_is_an_error(capsys):
    if not why_not():
        pytest.skip("there is a GPU")
    assert gpu.check.main([]) == 2
    assert capsys.readouterr().err.startswith("error: --backend gpu: ")
