"""The plain Numba loop: the sine benchmark as a laboratory would write it in an afternoon.

One function, fastmath on, state in one array per variable, spikes sent along
compressed rows, the whole of P in two nested loops.
"""

from __future__ import annotations

import math
import time

import numba as nb
import numpy as np

from benchmarks.clock import Run
from benchmarks.sine import rmse, sampled
from spikewhen.reservoir.types import Network

# IZFORCESINE: dt, C, k, v_rest, v_t, v_peak, v_reset, a, b, d, bias, and the two time constants.
DT, C, K, V_REST, V_T, V_PEAK, V_RESET = 0.04, 250.0, 2.5, -60.0, -19.2, 30.0, -65.0
A, B, D, BIAS, TAU_RISE, TAU_DECAY = 0.01, -2.0, 200.0, 1000.0, 2.0, 20.0
EVERY, ALPHA = 50, 0.5  # steps between updates; P(0) = I / alpha


@nb.njit(fastmath=True)
def force_network(v, encoder, indptr, target, weight, wanted, p, learns, spike_step, spike_cell):
    """Simulate ``len(wanted)`` steps; returns the output at each and the number of spikes.

    `p` is P at time 0, or anything where nothing is learned. `v` is overwritten.
    """
    n, steps = v.size, wanted.size
    fast, slow = math.exp(-DT / TAU_RISE), math.exp(-DT / TAU_DECAY)
    unit = 1.0 / (TAU_RISE * TAU_DECAY)
    u, syn, syn_rise = np.zeros(n), np.zeros(n), np.zeros(n)
    rate, rate_rise, decoder = np.zeros(n), np.zeros(n), np.zeros(n)
    x, gain = np.zeros(n, p.dtype), np.zeros(n, p.dtype)
    output = np.zeros(steps)
    z, spikes = 0.0, 0
    for step in range(steps):
        first = spikes
        for i in range(n):
            over = v[i] - V_REST
            du = A * (B * over - u[i])
            v[i] += DT * (K * over * (v[i] - V_T) - u[i] + syn[i] + BIAS + encoder[i] * z) / C
            u[i] += DT * du
            syn[i] = syn[i] * fast + syn_rise[i] * DT
            syn_rise[i] *= slow
            rate[i] = rate[i] * fast + rate_rise[i] * DT
            rate_rise[i] *= slow
        for i in range(n):
            if v[i] >= V_PEAK:
                v[i] = V_RESET
                u[i] += D
                rate_rise[i] += unit
                spike_step[spikes] = step
                spike_cell[spikes] = i
                spikes += 1
        for s in range(first, spikes):
            i = spike_cell[s]
            for e in range(indptr[i], indptr[i + 1]):
                syn_rise[target[e]] += weight[e] * unit
        z = 0.0
        for i in range(n):
            z += decoder[i] * rate[i]
        output[step] = z
        if learns and step % EVERY == 0:
            for i in range(n):
                x[i] = rate[i]
            norm = 1.0
            for i in range(n):
                s = p[i, 0] * x[0]
                for j in range(1, n):
                    s += p[i, j] * x[j]
                gain[i] = s
                norm += s * x[i]
            error = z - wanted[step]
            for i in range(n):
                decoder[i] -= error / norm * gain[i]
            for i in range(n):
                g = p.dtype.type(gain[i] / norm)
                for j in range(n):
                    p[i, j] -= g * gain[j]
    return output, spikes


class PlainLoop:
    """The loop on a network drawn by `benchmarks.sine.network`."""

    def __init__(self, net: Network, seconds: float, wanted: np.ndarray, learns: bool, precision_of_p: str):
        self.net, self.seconds, self.wanted, self.learns = net, seconds, wanted, learns
        self.real = np.dtype(precision_of_p)
        room = round(net.n_neurons * 200 * seconds)  # nobody fires above 200 Hz on average
        self.spike_step, self.spike_cell = np.zeros(room, np.int64), np.zeros(room, np.int32)

    def simulate(self) -> tuple[float, np.ndarray, int]:
        """Return CPU seconds, outputs and the number of spikes."""
        s = self.net.synapses
        n = self.net.n_neurons
        p = np.eye(n, dtype=self.real) / self.real.type(ALPHA) if self.learns else np.zeros((1, 1), self.real)
        v = self.net.v_start.copy()
        encoder = self.net.encoders.feedback[0].copy()
        start = time.process_time()
        output, spikes = force_network(
            v,
            encoder,
            s.indptr,
            s.target,
            s.weight,
            self.wanted,
            p,
            self.learns,
            self.spike_step,
            self.spike_cell,
        )
        return time.process_time() - start, output, spikes

    def __call__(self) -> Run:
        """Run once."""
        cpu, output, spikes = self.simulate()
        rate = spikes / self.net.n_neurons / self.seconds
        return Run(cpu / self.seconds, rate, rmse(sampled(output), self.wanted, self.learns))
