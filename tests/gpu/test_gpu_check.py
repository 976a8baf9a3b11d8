"""The check and the benchmark for a real GPU run to their end on the host device; alone they refuse."""

import subprocess
import sys
from pathlib import Path

import pytest
from host_kernel import needs_compiler, needs_nvrtc

import benchmarks.gpu
import spikewhen.gpu.check
from spikewhen.gpu.check import CASES, check, report
from spikewhen.gpu.compile import compile_for_gpu
from spikewhen.gpu.device import why_not
from spikewhen.gpu.host import HostDevice
from spikewhen.gpu.source import Variant
from spikewhen.reservoir.noise import quarter
from spikewhen.reservoir.rules import RULES

pytestmark = [needs_compiler, needs_nvrtc]


@pytest.mark.parametrize("name", CASES)
def test_a_case_of_the_check_passes_small(name):
    assert check(HostDevice("shuffled"), name, "float32", 2, 40, 200, 2) == ""


def test_the_check_holds_all_rules_and_both_loops():
    assert {type(r) for case in CASES.values() for r in case.rules} == {
        rule for rule in RULES.values() if rule.device
    }
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
    monkeypatch.setattr(
        spikewhen.gpu.check, "CASES", {"open loop, local rule": CASES["open loop, local rule"]}
    )
    assert report(HostDevice(), 40, 40, 1000, 1, [2]) == 1
    out = capsys.readouterr().out
    assert "float64, N = 40, R = 2: repeat 0, replicate 0: differs after step 0" in out
    assert "2 of 2 differ" in out


def test_a_check_of_nothing_is_no_success(capsys):
    assert report(HostDevice(), 40, 40, 1000, 1, [2], "no such case") == 1


def test_the_check_meets_several_warps():
    """One warp per block would hide a missing barrier."""
    defaults = {"--neurons": 1000, "--rls-neurons": 160}
    text = Path(spikewhen.gpu.check.__file__).read_text()
    for option, n in defaults.items():
        assert f'"{option}", type=int, default={n}' in text and quarter(n) > 32


def test_without_a_gpu_the_check_is_an_error(capsys):
    if not why_not():
        pytest.skip("there is a GPU")
    assert spikewhen.gpu.check.main([]) == 2
    assert capsys.readouterr().err.startswith("error: --backend gpu: ")


def test_the_benchmark_runs_to_its_end(capsys):
    device = HostDevice()
    card = benchmarks.gpu.limits(device, 2, 64, 2)
    assert all(x > 0 for x in card.values()) and set(card) == {"issued", "issued_integer", "moved"}
    benchmarks.gpu.report(device, 64, 3, 2, 10, 1, card)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[3].strip() for line in lines if line.startswith(("| MEET", "| RLS"))] == [
        "3",
        "1",
        "2",
        "3",
        "1",
        "2",
    ]


def test_the_benchmark_of_a_large_network_runs_to_its_end(capsys):
    benchmarks.gpu.report_large(HostDevice(), 400, 20, 10, 1)
    assert "400 cells x 20 synapses" in (out := capsys.readouterr().out) and "times life" in out


def test_the_benchmark_says_when_memory_is_short(capsys):
    benchmarks.gpu.report(
        HostDevice(free=3_000_000), 64, 200, 1, 10, 1, {"issued": 1, "issued_integer": 1, "moved": 1}
    )
    assert "(of 200: memory)" in capsys.readouterr().out


def test_without_a_gpu_the_benchmark_is_an_error(capsys):
    if not why_not():
        pytest.skip("there is a GPU")
    assert benchmarks.gpu.main([]) == 2
    assert capsys.readouterr().err.startswith("error: --backend gpu: ")


def test_the_limits_compile_for_a_gpu_without_fused_operations():
    source = (benchmarks.gpu.FOLDER / "limits.cu").read_text()
    for architecture in ("sm_80", "sm_90"):
        found = compile_for_gpu(source, architecture)
        assert "fma" not in found.ptx and found.ptx.count("mul.rn.f32") + found.ptx.count("mul.f32") >= 16


def test_the_targets_of_make_need_only_what_the_engine_needs():
    """Checks and benchmarks run where nothing but NumPy, Numba, h5py and CuPy is installed."""
    hidden = ("scipy", "matplotlib", "pydantic", "typer", "tqdm", "brian2", "cupy")
    code = f"import sys; sys.modules.update(dict.fromkeys({hidden!r}))"
    code += "; import benchmarks.gpu, spikewhen.gpu.check"
    subprocess.run([sys.executable, "-c", code], check=True)
