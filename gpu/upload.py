"""The constants of a network, arranged as the kernel reads them and uploaded to a device."""

from __future__ import annotations

import numpy as np

from spikewhen.gpu.device import Device
from spikewhen.gpu.source import Variant
from spikewhen.reservoir.step_constants import StepConstants
from spikewhen.reservoir.traces import TINY

DENSE_FILL = 0.04
"""From this share of connections on, whole rows are read: 2 instructions per 32 targets of a spike
instead of about 12 per warp that owns targets, whatever the rate (docs/gpu.md)."""
DENSE_BYTES = 64 * 2**20
"""A network's rows in full take no more than this."""


def pick_dense(d: StepConstants) -> bool:
    """Return whether a network's rows of weights are kept in full. Delays need sparse rows."""
    n, size = d.bias.size, d.weight.itemsize
    fill = d.target.size / (n * n)
    return d.n_slots == 0 and fill >= DENSE_FILL and n * n * size <= DENSE_BYTES


def arrange(variant: Variant, d: StepConstants) -> dict[str, np.ndarray]:
    """Return a network's constant arrays as the kernel reads them, by the names of `Job`."""
    arrays = {"cells": cell_rows(variant, d), "numbers": number_table(variant, d)}
    return arrays | ({"weight": dense_rows(variant, d)} if variant.dense else sparse_rows(variant, d))


class Loaded:
    """A network's constant arrays on a device.

    Parameters
    ----------
    device : Device
    arrays : dict of str to ndarray
        From `arrange`.

    Attributes
    ----------
    pointers : dict of str to int
        Addresses of the arrays by the names of `Job`.
    nbytes : int
        Memory they take.
    """

    def __init__(self, device: Device, arrays: dict[str, np.ndarray]):
        self.nbytes = sum(a.nbytes for a in arrays.values())
        self._buffers = {k: device.upload(a) for k, a in arrays.items() if a.size}
        self.pointers = dict.fromkeys(("target", "cut", "delay", "weight"), 0)
        self.pointers |= {k: b.pointer for k, b in self._buffers.items()}


def loaded_bytes(v: Variant, d: StepConstants) -> int:
    """Return the bytes that `Loaded` takes on the device."""
    rows = 12 + len(d.encoders) + len(d.feedback)
    if v.dense:
        weights = v.n * v.n_pad * v.size
    else:
        weights = d.target.size * (v.size + 4) + 4 * d.delay_steps.size + 4 * (v.n * v.cuts + 1)
    return rows * v.n_pad * v.size + v.numbers * v.size + weights


def cell_rows(v: Variant, d: StepConstants) -> np.ndarray:
    """Return parameters, bias, encoders and feedback as rows of padded cells. Added cells never fire."""
    inflow_factor = d.inflow_factor if d.inflow_factor.size else np.zeros_like(d.k)
    parameters = np.stack(
        [
            d.k,
            d.dt_over_c,
            d.v_rest,
            d.v_threshold,
            d.v_peak,
            d.a_dt,
            d.b,
            d.current_factor,
            inflow_factor,
            d.c,
            d.d,
            d.bias,
        ]
    )
    rows = np.concatenate([parameters, d.encoders, d.feedback])
    out = np.zeros((len(rows), v.n_pad), rows.dtype)
    out[:, : v.n] = rows
    out[4, v.n :] = np.inf  # v_peak
    return out


def number_table(v: Variant, d: StepConstants) -> np.ndarray:
    """Return the numbers of the grid in the order of network.cu."""
    inflow_jump = d.trace_inflow_jump if d.trace_inflow_jump.size else np.zeros_like(d.trace_jump)
    limits = np.array([np.inf, TINY, TINY * TINY])
    single = (
        d.noise_scale,
        d.inflow_dt,
        d.trace_factor,
        d.trace_couple,
        d.trace_inflow_factor,
        d.trace_scale,
        d.feature_bias,
        d.normalise_rate,
        d.normalise_floor,
        limits,
    )
    return np.concatenate([d.trace_jump, inflow_jump, *single]).astype(v.real)


def dense_rows(v: Variant, d: StepConstants) -> np.ndarray:
    """Return rows of weights in full, ``(N, N_pad)``, with -0 where there is no synapse: x + -0 is x."""
    out = np.full((v.n, v.n_pad), -0.0, v.real)
    pre = np.repeat(np.arange(v.n), np.diff(d.indptr))
    out[pre, d.target] = d.weight
    return out


def sparse_rows(v: Variant, d: StepConstants) -> dict[str, np.ndarray]:
    """Return rows of synapses, cut by the warp that owns the target.

    Cell i stands in quarter i // Q at g = i % Q; thread g % THREADS owns it.
    """
    pre = np.repeat(np.arange(v.n), np.diff(d.indptr))
    part = pre * v.cuts + d.target % v.quarter % (v.threads * v.blocks) // 32
    order = np.argsort(part, kind="stable")
    cut = np.zeros(v.n * v.cuts + 1, np.uint32)
    np.cumsum(np.bincount(part, minlength=v.n * v.cuts), out=cut[1:])
    delay = d.delay_steps[order] if d.delay_steps.size else np.zeros(0, np.int32)
    return {
        "weight": d.weight[order],
        "target": d.target[order].astype(np.uint32),
        "cut": cut,
        "delay": delay.astype(np.uint32),
    }
