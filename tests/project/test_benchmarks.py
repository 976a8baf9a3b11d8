"""The benchmark's own logic: the table's arithmetic, and that the peers simulate the same model."""

import importlib.util
import platform
import shutil

import numpy as np
import pytest

from benchmarks import code, comparison, kernels, readme, scaling, sine
from benchmarks.loop import PlainLoop
from benchmarks.standalone import Standalone
from benchmarks.table import cells, compare, markdown

N, SECONDS = 250, 0.4


def test_the_ratio_is_the_median_over_pairs():
    # The second pair was disturbed on both sides, the third on one: neither moves the ratio.
    row = compare("w", 10, "float64", [1.0, 10.0, 1.0, 1.0, 1.0], "p", [3.0, 30.0, 90.0, 3.0, 3.0], 2.5)
    assert row.ratio == 3.0
    assert (row.low, row.high) == (3.0, 90.0)
    assert (row.ours_s, row.peer_s) == (1.0, 3.0)


@pytest.mark.parametrize(("target", "met"), [(2.99, True), (3.0, True), (3.01, False), (None, None)])
def test_a_target_is_met_from_its_value_on(target, met):
    assert compare("w", 10, "float64", [1.0], "p", [3.0], target).met is met


def test_pairs_must_be_pairs():
    with pytest.raises(ValueError):
        compare("w", 10, "float64", [1.0, 1.0], "p", [3.0])


def test_a_row_that_is_not_met_is_loud():
    row = compare("w", 10, "float64", [1.0], "p", [3.0], 4.0)
    assert cells(row)[-1] == "NO"
    assert len(set(map(len, markdown(("a", "b"), [("long", "1"), ("x", "2222")]).splitlines()))) == 1


@pytest.mark.parametrize("gone", ["g++", "brian2"])
def test_a_missing_peer_stops_the_benchmark(gone, monkeypatch):
    there = "/usr/bin/g++", object()
    monkeypatch.setattr(shutil, "which", lambda name: None if name == gone else there[0])
    monkeypatch.setattr(comparison, "find_spec", lambda name: None if name == gone else there[1])
    with pytest.raises(comparison.Missing, match=gone.replace("+", r"\+")):
        comparison.check_peers()


@pytest.fixture(scope="module")
def net():
    return sine.network(N)


@pytest.fixture(scope="module")
def wanted():
    return sine.target(round(SECONDS * 1000 / 0.04))


def first_difference(a, b):
    """Index of the first spike in which two (step, cell) sequences differ."""
    m = min(len(a[0]), len(b[0]))
    different = np.flatnonzero((a[0][:m] != b[0][:m]) | (a[1][:m] != b[1][:m]))
    return int(different[0]) if different.size else m


@pytest.mark.parametrize(("learns", "steps"), [(False, 10_000), (True, 5_000)])
def test_the_plain_loop_fires_our_spikes(net, wanted, learns, steps):
    """Up to rounding: fastmath regroups sums, so with learning spikes need not agree for ever."""
    _, ours = sine.Ours(net, SECONDS, learns, "float64").simulate()
    loop = PlainLoop(net, SECONDS, wanted, learns, "float64")
    _, output, count = loop.simulate()
    spikes = loop.spike_step[:count], loop.spike_cell[:count]
    same = first_difference((ours.spike_step, ours.spike_neuron), spikes)
    assert ours.spike_step[:same].size > 500
    assert same == len(ours.spike_step) or ours.spike_step[same] >= steps
    assert np.allclose(output[:steps], ours.y[0][:steps, 0], atol=1e-6)
    assert count == pytest.approx(len(ours.spike_step), rel=0.01)
    assert np.abs(output).max() > 0.5 if learns else not output.any()


@pytest.mark.skipif(
    shutil.which("g++") is None or importlib.util.find_spec("brian2") is None, reason="needs g++ and Brian2"
)
def test_brian2_fires_as_often_and_learns_as_well(net, wanted, tmp_path):
    ours = sine.Ours(net, SECONDS, True, "float64")()
    theirs = Standalone(net, SECONDS, wanted, True, tmp_path / "program")()
    assert theirs.rate_hz == pytest.approx(ours.rate_hz, rel=0.01)
    assert theirs.rmse == pytest.approx(ours.rmse, rel=0.2)
    assert theirs.cpu_s > 0


def test_the_readme_gets_what_was_measured_and_keeps_the_rest():
    text = "a\n<!-- startup -->\nold\n<!-- end -->\nb\n<!-- memory -->\nkept\n<!-- end -->\nc\n"
    found = {
        "startup": {
            "date": "2026-01-01T00:00:00",
            "load": [0.5],
            "wall_s": 1.5,
            "cpu_s": 1.0,
            "target_s": 2.0,
            "met": True,
            "imports": {"all": 0.75},
        }
    }
    new = readme.fill(text, found)
    assert "old" not in new and "1.50 s" in new and "met" in new and "all 750" in new
    assert readme.fill(new, found) == new
    assert new.startswith("a\n<!-- startup -->") and "b\n<!-- memory -->\nkept\n<!-- end -->\nc\n" in new
    with pytest.raises(ValueError, match="0 blocks"):
        readme.fill("nothing here", found)


def test_a_part_at_its_limit_has_reached_all_of_it():
    limits = {
        "bytes": [1000, 100_000],
        "read_gb_s": {"float64": [10.0, 10.0]},
        "update_gb_s": {"float64": [20.0, 20.0]},
        "float64": {"products and sums": 4.0},
    }
    need = kernels.Need(1000, 4000, 10_000, {"products and sums": 400})  # 100 + 200 ns, 100 ns
    held = kernels.held_against(need, 600e-9, "float64", limits)
    assert (held["of_bandwidth"], held["of_compute"], held["fraction"]) == pytest.approx((0.5, 1 / 6, 0.5))


def test_slopes_are_exponents():
    x = np.array([1.0, 2.0, 8.0])
    assert scaling.slope(x, 3 * x**2) == pytest.approx(2.0)


FUSED = """
\tvmovups\t(%rdi), %zmm0
\tvfmadd213ps\t64(%rdi), %zmm1, %zmm0
\tvmulss\t%xmm1, %xmm2, %xmm3
\tvfmadd231sd\t%xmm1, %xmm2, %xmm3
\tvmovups\t%zmm0, 8(%rsp)
\tvmovups\t%zmm0, (%rsi)
\tvcmpleps\t%zmm0, %zmm1, %k1
"""


def test_instructions_are_counted_by_what_they_do():
    found = code.count(FUSED)
    assert found["fused"] == 2  # scalar ones as well
    assert (found["loads"], found["stores"], found["spills"], found["comparisons"]) == (2, 1, 1, 1)
    assert found["products"] == found["sums"] == 0  # other scalars do not count


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86-64 assembly")
@pytest.mark.parametrize("precision", code.PRECISIONS)
@pytest.mark.parametrize("name", code.LOOPS)
def test_nothing_is_fused_in_the_generated_code(name, precision):
    loop = code.LOOPS[name](precision)
    array, *rest = loop.arguments
    loop.function(array, 1, *rest)
    found = code.count(code.body(loop.function))
    assert found["fused"] == 0
    assert found["products"] > 0 and found["stores"] > 0
