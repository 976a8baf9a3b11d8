"""Kernels compiled for other vector units leave the same bits: AVX-512, AVX2, and none beyond SSE2.

Without AVX-512 a row of 32 numbers is worked on in parts, so rows that are worked on whole are
compiled here too, wherever this runs.
"""

import os
import platform
import subprocess
import sys

import pytest

UNITS = {
    "AVX2": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+sse4.2,+avx,+avx2,+fma"},
    "SSE2": {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": "+sse2"},
    "rows in one": {"ROWS_IN_ONE": "yes"},
}
RUN = """
import hashlib, os, sys
import numpy as np
from spikewhen.reservoir import simd

if os.environ.get("ROWS_IN_ONE"):
    simd.lanes_at_once = lambda features, element_bytes: 32
from spikewhen.experiments.config import load_config
from spikewhen.experiments.run import run

small = ["network.n_neurons=100", "network.out_degree=20", "paradigm.trials_per_block=3",
         "paradigm.probes_after=[3]", "paradigm.probe_repeats=1", "health.silent_max=1.0",
         'record.spikes="all"', "record.geometry=false"]
digest = hashlib.sha256()
for precision in ("float32", "float64"):
    found = run(load_config("meet.toml", [*small, f'simulation.precision="{precision}"']), 3, scores=False)
    assert found.arrays["/spikes/reservoir/step"].size > 100
    for name in sorted(found.arrays):
        if name.startswith(("/spikes", "/readouts", "/weights", "/rule_state", "/network")):
            digest.update(name.encode() + found.arrays[name].tobytes())
print(digest.hexdigest())
"""


def digest(folder, **environment):
    """Hash spikes, readouts, weights and states of a run of all shipped rules, compiled anew."""
    surroundings = os.environ | {"NUMBA_CACHE_DIR": str(folder)} | environment
    done = subprocess.run(
        [sys.executable, "-c", RUN], env=surroundings, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return digest(tmp_path_factory.mktemp("ours"))


@pytest.mark.long
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="vector units of x86")
@pytest.mark.parametrize("unit", UNITS)
def test_a_run_is_the_same_with_other_vector_units(ours, unit, tmp_path):
    assert len(ours) == 64
    assert digest(tmp_path, **UNITS[unit]) == ours
