"""NVRTC, from its wheel and without a GPU, compiles every variant; nothing is fused, flushed or spilled."""

import re
from dataclasses import replace

import numpy as np
import pytest
from host_kernel import needs_nvrtc
from lively import VARIANTS, lively_network, small_grid

from spikewhen.experiments.config import load_config
from spikewhen.gpu import compile as nvrtc
from spikewhen.gpu.compile import compile_for_gpu, nvrtc_version, usage
from spikewhen.gpu.rule_text import rule_text
from spikewhen.gpu.source import Variant
from spikewhen.gpu.upload import pick_dense
from spikewhen.reservoir.engine import Readout
from spikewhen.reservoir.errors import DeviceError
from spikewhen.reservoir.network import build_network
from spikewhen.reservoir.step_constants import derive
from spikewhen.reservoir.time_grid import make_grid

pytestmark = needs_nvrtc

ARCHITECTURES = ("sm_80", "sm_90")

KINDS = {
    "plain": (dict(), dict(noise=0.0)),
    "meet": (dict(), dict(trace_rise_ms=2.0, normalise_ms=30.0)),
    "sparse": (dict(delay_max_ms=3.0), dict(normalise_ms=30.0)),
    "closed": (dict(feedback_pa=10.0, synapse_rise_ms=2.0), dict(trace_rise_ms=2.0, scheme="heun")),
}


def compile_variant(network, grid, rules, architecture, extra_current=False):
    d = derive(network, grid)
    rules = [rule_text(Readout(rule, len(d.feedback), network.n_neurons + 1, grid)) for rule in rules]
    variant = Variant.of(d, grid, pick_dense(d), extra_current, any(r.needs_workspace for r in rules))
    return compile_for_gpu(variant.source(rules), architecture), variant, rules


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("rule", ["three_factor_consolidation", "lms", "rls", "rls_float32"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_variant_compiles_without_fused_or_flushed_operations(dtype, rule, architecture):
    for kind, (network_options, grid_options) in KINDS.items():
        network = lively_network(n_neurons=100, **network_options)
        found, *_ = compile_variant(
            network, small_grid(dtype, **grid_options), [VARIANTS[rule]], architecture, kind == "closed"
        )
        assert found.path.read_bytes()[:4] == b"\x7fELF"
        assert len(re.findall(r"\b(?:add|mul|sub)\S*\.f(?:32|64)\b", found.ptx)) > 50, (
            "no arithmetic: wrong text?"
        )
        assert not re.findall(r"\b(?:fma|mad)\S*\.f(?:32|64)\b|\.ftz\b|\.approx\b", found.ptx)
        assert not re.findall(r"\b(?:atom|red)\S*\.f(?:32|64)\b", found.ptx)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("config", ["meet.toml", "calibration.toml", "force_sine.toml"])
def test_nothing_shipped_spills_registers_but_two_blocks_of_float64(config, precision, architecture, capsys):
    experiment = load_config(config, (f"simulation.precision={precision}",))
    grid = make_grid(experiment.simulation, experiment.trace, 0)
    session = experiment.paradigm.plan(0, grid.readout_step_ms)
    network = build_network(experiment.network, 0, session.n_cues, session.n_channels, grid.dt_ms)
    parts = [list(part.rules.values()) for part in experiment.split()]
    parts += [[rule] for rule in experiment.rules.values()]  # as `compare --rules` may ask for
    seen = set()
    for part in parts:
        found, variant, rules = compile_variant(network, grid, part, architecture)
        if found.path in seen:
            continue
        seen.add(found.path)
        label = ", ".join(rule.name for rule in part)
        use = usage(found.log)
        with capsys.disabled():
            print(
                f"\n{config} {precision} {architecture} {label}: {use.registers} registers, "
                f"{variant.shared_bytes(rules)} bytes shared, {use.spill_bytes} spilled",
                end="",
            )
        # Measured on an H100: with these few bytes spilled, two blocks at once are faster than one without.
        spilled = 1024 if precision == "float64" and variant.blocks_at_once > 1 else 0
        assert use.spill_bytes <= spilled and use.stack_bytes <= spilled, label
        assert use.registers * variant.threads * variant.blocks_at_once <= 65536
        assert variant.shared_bytes(rules) <= 163 * 1024, "the least that a block has on sm_80"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_kernel_of_a_large_network_compiles_without_spills(dtype, architecture):
    network, grid = lively_network(n_neurons=400), small_grid(dtype, trace_rise_ms=2.0, normalise_ms=30.0)
    d = derive(network, grid)
    rules = [rule_text(Readout(VARIANTS["three_factor"], 2, 401, grid))]
    variant = replace(Variant.of(d, grid, False), n=100_000, wide=True, threads=256)
    found = compile_for_gpu(variant.source(rules), architecture)
    assert usage(found.log).spill_bytes == 0 and variant.blocks == 98
    assert not re.findall(r"\b(?:fma|mad)\S*\.f(?:32|64)\b|\.ftz\b|\.approx\b|\batom|\bred\.", found.ptx)


def test_a_contracted_kernel_would_be_noticed(monkeypatch):
    """The check on the PTX sees what the compiler does by default."""
    monkeypatch.setattr(nvrtc, "OPTIONS", ("-std=c++17", "-default-device", "-ftz=true"))
    found, *_ = compile_variant(lively_network(), small_grid(np.float32), [VARIANTS["lms"]], "sm_90")
    assert re.search(r"\bfma\S*\.f32\b", found.ptx) and ".ftz" in found.ptx


def test_the_cache_is_keyed_by_source_architecture_and_options(tmp_path, monkeypatch):
    monkeypatch.setenv("SPIKEWHEN_CACHE_DIR", str(tmp_path))
    text = 'extern "C" __global__ void run(float *a) { a[threadIdx.x] = %s; }'
    calls = []
    compiler = nvrtc._compile
    monkeypatch.setattr(nvrtc, "_compile", lambda *given: calls.append(given) or compiler(*given))
    paths = {
        compile_for_gpu(text % 1, "sm_80").path,
        compile_for_gpu(text % 1, "sm_90").path,
        compile_for_gpu(text % 2, "sm_90").path,
    }
    assert len(paths) == len(calls) == 3
    assert compile_for_gpu(text % 2, "sm_90").path in paths and len(calls) == 3
    monkeypatch.setattr(nvrtc, "nvrtc_version", lambda: (99, 9))
    assert compile_for_gpu(text % 2, "sm_90").path not in paths and len(calls) == 4


def test_a_kernel_that_does_not_compile_brings_the_log(tmp_path, monkeypatch):
    monkeypatch.setenv("SPIKEWHEN_CACHE_DIR", str(tmp_path))
    with pytest.raises(DeviceError, match=r"NVRTC refuses the kernel: .*error"):
        compile_for_gpu("this is no kernel", "sm_90")


def test_without_nvrtc_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(nvrtc.util, "find_spec", lambda name: None)
    monkeypatch.setattr(nvrtc.ctypes, "CDLL", lambda name: (_ for _ in ()).throw(OSError(name)))
    nvrtc._library.cache_clear()
    try:
        with pytest.raises(DeviceError, match="NVRTC is not installed; pip install"):
            nvrtc_version()
    finally:
        nvrtc._library.cache_clear()
