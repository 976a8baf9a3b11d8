"""Brian2 in C++ standalone mode on the sine benchmark; least squares as C++ of its own.

Euler with the rate ``(1 - exp(-dt/tau)) / dt`` decays by exactly ``exp(-dt/tau)``
per step, so this is the same model as ours up to rounding, at Euler's price.
Brian2 writes and compiles a program; the program is then run as often as needed
and reports the CPU time of its loop alone (last_run_info.txt).

    python -m benchmarks.standalone FOLDER    build from FOLDER/network.npz; Brian2 keeps global
                                              state, so every program is built in a process of its own
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.clock import Run
from benchmarks.loop import (
    ALPHA,
    BIAS,
    DT,
    EVERY,
    TAU_DECAY,
    TAU_RISE,
    V_PEAK,
    V_RESET,
    V_REST,
    V_T,
    A,
    B,
    C,
    D,
    K,
)
from benchmarks.sine import SAMPLE, rmse
from spikewhen.reservoir.types import Network

EQUATIONS = """
dv/dt = (k*(v - v_rest)*(v - v_t) - u + syn + bias + encoder*z)/capacitance/ms : 1
du/dt = a*(b*(v - v_rest) - u)/ms : 1
dsyn/dt = (syn_rise - fast*syn)/ms : 1
dsyn_rise/dt = -slow*syn_rise/ms : 1
drate/dt = (rate_rise - fast*rate)/ms : 1
drate_rise/dt = -slow*rate_rise/ms : 1
encoder : 1 (constant)
z : 1 (linked)
"""

# P is made before main(), so that its memory is not part of the timed loop.
LEAST_SQUARES = """
#include <vector>
namespace least_squares {
    const int n = %(n)d;
    std::vector<double> make() {
        std::vector<double> p((size_t)n * n, 0.0);
        for (int i = 0; i < n; i++) p[(size_t)i * n + i] = 1.0 / %(alpha)r;
        return p;
    }
    std::vector<double> p = make(), gain(n, 0.0);
}
double learn_sine(double time_ms) {
    using namespace least_squares;
    const double *rate = brian::_array_cells_rate;
    double *decoder = &brian::_dynamic_array_readout_decoder[0];
    double norm = 1.0, z = 0.0;
    for (int i = 0; i < n; i++) {
        const double *row = &p[(size_t)i * n];
        double s = 0.0;
        for (int j = 0; j < n; j++) s += row[j] * rate[j];
        gain[i] = s;
        norm += s * rate[i];
        z += decoder[i] * rate[i];
    }
    const double error = z - sin(2.0 * M_PI * 5.0 * time_ms / 1000.0);
    const double *g = gain.data();
    for (int i = 0; i < n; i++) {
        decoder[i] -= error / norm * g[i];
        double *row = &p[(size_t)i * n];
        const double scaled = g[i] / norm;
        for (int j = 0; j < n; j++) row[j] -= scaled * g[j];
    }
    return 0.0;
}
"""


def build(folder: Path) -> None:
    """Make ``folder/program/main`` from ``folder/network.npz``."""
    import brian2 as b2

    given = np.load(folder / "network.npz")
    n, ms = given["v_start"].size, b2.ms
    b2.set_device("cpp_standalone", directory=str(folder / "program"), build_on_run=False)
    b2.defaultclock.dt = DT * ms
    names = dict(
        k=K,
        v_rest=V_REST,
        v_t=V_T,
        bias=BIAS,
        capacitance=C,
        a=A,
        b=B,
        d=D,
        v_peak=V_PEAK,
        v_reset=V_RESET,
        fast=-np.expm1(-DT / TAU_RISE) / DT,
        slow=-np.expm1(-DT / TAU_DECAY) / DT,
        unit=1 / (TAU_RISE * TAU_DECAY),
    )
    cells = b2.NeuronGroup(
        n,
        EQUATIONS,
        method="euler",
        threshold="v >= v_peak",
        reset="v = v_reset; u += d; rate_rise += unit",
        namespace=names,
        name="cells",
    )
    output = b2.NeuronGroup(1, "z : 1\nnothing : 1", name="output")
    cells.z = b2.linked_var(output, "z", index=np.zeros(n, int))
    cells.v, cells.encoder = given["v_start"], given["encoder"]
    synapses = b2.Synapses(cells, cells, "w : 1 (constant)", on_pre="syn_rise_post += w", name="synapses")
    synapses.connect(i=np.repeat(np.arange(n), np.diff(given["indptr"])), j=given["target"])
    synapses.w = given["weight"] * names["unit"]
    readout = b2.Synapses(
        cells, output, "decoder : 1\nz_post = decoder*rate_pre : 1 (summed)", name="readout"
    )
    readout.connect(i=np.arange(n), j=np.zeros(n, int))
    readout.decoder = 0
    if given["learns"]:
        code = LEAST_SQUARES % dict(n=n, alpha=ALPHA)
        learn_sine = b2.implementation("cpp", code)(b2.check_units(time_ms=1, result=1)(lambda time_ms: 0.0))
        output.namespace["learn_sine"] = learn_sine
        output.run_regularly(f"nothing = learn_sine(t/ms + {DT})", dt=EVERY * DT * ms, when="end")
    spikes = b2.SpikeMonitor(cells, record=False, name="spikes")
    # At the end of step i z is the output of step i - 1, computed at the beginning of step i.
    trace = b2.StateMonitor(output, "z", record=True, dt=SAMPLE * DT * ms, when="end", name="trace")
    network = b2.Network(cells, output, synapses, readout, spikes, trace)
    network.run(int(given["steps"]) * DT * ms)
    b2.device.build(directory=str(folder / "program"), compile=True, run=False)


class Standalone:
    """The program on a network drawn by `benchmarks.sine.network`, built when made."""

    def __init__(self, net: Network, seconds: float, wanted: np.ndarray, learns: bool, folder: Path):
        folder.mkdir(parents=True)
        self.n, self.seconds, self.wanted, self.learns = net.n_neurons, seconds, wanted, learns
        self.folder = folder
        np.savez(
            folder / "network.npz",
            indptr=net.synapses.indptr,
            target=net.synapses.target,
            weight=net.synapses.weight,
            v_start=net.v_start,
            encoder=net.encoders.feedback[0],
            steps=wanted.size,
            learns=learns,
        )
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.standalone", str(folder)], capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"Brian2 built no program:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")

    def __call__(self) -> Run:
        """Run the program once."""
        program = self.folder / "program"
        subprocess.run(["./main"], cwd=program, check=True, capture_output=True)
        results = program / "results"
        cpu = float((results / "last_run_info.txt").read_text().split()[0])
        (count,) = results.glob("_array_spikes_N_*")
        rate = int(np.fromfile(count, np.int32)[0]) / self.n / self.seconds
        (samples,) = results.glob("_dynamic_array_trace_z_*")
        output = np.fromfile(samples)[1:]
        return Run(cpu / self.seconds, rate, rmse(output, self.wanted, self.learns))


if __name__ == "__main__":
    build(Path(sys.argv[1]))
