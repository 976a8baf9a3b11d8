"""The CUDA source of one variant: sizes and options as constants, the rules' device texts, the kernel.

The text is the same wherever it is compiled: by NVRTC for a GPU, by a C++
compiler for the host. What a network needs at run time is one `Job`, a struct of
pointers and whole numbers, whose fields are listed here once for both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spikewhen.gpu.rule_text import C_TYPES, RuleText, device_file
from spikewhen.reservoir.noise import PURPOSE_MEMBRANE, quarter
from spikewhen.reservoir.step_constants import BLOW_UP_MV, StepConstants
from spikewhen.reservoir.types import TimeGrid, padded

STATES = ("v", "u", "current", "current_inflow", "trace", "trace_inflow", "trace_mean", "trace_variance")
"""Rows of a network's state, as in network.cu."""
FIXED_NUMBERS = 12
"""Numbers of the grid beside the two tables of trace jumps."""
JOB = (
    ("const real *", "cells"),
    ("const real *", "numbers"),
    ("const real *", "weight"),
    ("const u32 *", "target"),
    ("const u32 *", "cut"),
    ("const u32 *", "delay"),
    ("const real *", "inputs"),
    ("const real *", "current"),
    ("const int *", "trial_end"),
    ("const real *", "outcome"),
    ("real *", "state"),
    ("real *", "pending"),
    ("real *", "drive"),
    ("i64 *", "readouts"),
    ("real *", "output"),
    ("u32 *", "spikes0"),
    ("u32 *", "spikes1"),
    ("i64 *", "reached0"),
    ("i64 *", "reached1"),
    ("i64 *", "progress"),
    ("u64 ", "first_step"),
    ("u64 ", "stream"),
    ("u64 ", "noise_seed"),
    ("real *", "x"),
    ("u32 *", "mask"),
    ("u32 *", "list"),
    ("i64 *", "listed"),
    ("i64 ", "n_steps"),
    ("i64 ", "capacity"),
    ("i64 ", "learns"),
)
SHARED_TRACES_BYTES = 65536
"""Traces stand in shared memory up to here; beyond, too few blocks would share a multiprocessor."""


MOST_THREADS, HEAVY_THREADS = 512, 256
"""Threads of a block at most; where a rule takes 255 registers, fewer, or they spill."""


@dataclass(frozen=True)
class Variant:
    """All options that decide the compiled code, except the rules."""

    real: str
    n: int
    channels_in: int
    channels: int
    sub_steps: int
    hold: int
    slots: int
    dense: bool
    noisy: bool
    rises: bool
    trace_rises: bool
    normalised: bool
    heun: bool
    feeds_back: bool
    extra_current: bool
    threads: int
    heavy: bool  # a rule needs the registers
    wide: bool = False  # over many blocks, where no block holds the network

    @classmethod
    def of(
        cls,
        d: StepConstants,
        grid: TimeGrid,
        dense: bool,
        extra_current: bool = False,
        heavy: bool = False,
        threads: int = 0,
    ) -> Variant:
        """Collect the options of a network on a grid; with `threads` 0 its size decides their number."""
        n = d.bias.size
        return cls(
            real=np.dtype(grid.dtype).name,
            n=n,
            channels_in=len(d.encoders),
            channels=len(d.feedback),
            sub_steps=grid.steps_per_readout,
            hold=grid.noise_hold_steps,
            slots=d.n_slots,
            dense=dense,
            noisy=grid.noise > 0,
            rises=bool(d.inflow_factor.size),
            trace_rises=bool(d.trace_inflow_jump.size),
            normalised=grid.normalise_ms > 0,
            heun=grid.scheme == "heun",
            feeds_back=bool(d.feedback.any()),
            extra_current=extra_current,
            heavy=heavy,
            threads=threads or min(quarter(n), HEAVY_THREADS if heavy else MOST_THREADS),
        )

    @property
    def size(self) -> int:
        """Return the bytes of one real number."""
        return np.dtype(self.real).itemsize

    @property
    def quarter(self) -> int:
        """Return the number of noise groups, a quarter of the padded cells."""
        return quarter(self.n)

    @property
    def n_pad(self) -> int:
        """Return the number of cells, including those that fill up the last noise groups."""
        return 4 * self.quarter

    @property
    def m(self) -> int:
        """Return the number of features, padded to a multiple of 32."""
        return padded(self.n + 1)

    @property
    def words(self) -> int:
        """Return the number of 32-bit words in the spike mask."""
        return self.n_pad // 32

    @property
    def warps(self) -> int:
        """Return the number of warps in a block."""
        return self.threads // 32

    @property
    def traces_shared(self) -> bool:
        """Return whether the traces stand in shared memory."""
        return not self.wide and 4 * self.n_pad * self.size <= SHARED_TRACES_BYTES

    @property
    def numbers(self) -> int:
        """Return the length of the table of the grid's numbers."""
        return 2 * self.sub_steps + FIXED_NUMBERS

    @property
    def blocks(self) -> int:
        """Return how many blocks run one network."""
        return -(-self.quarter // self.threads) if self.wide else 1

    @property
    def cuts(self) -> int:
        """Return how many warps own targets of synapses."""
        return self.blocks * self.warps

    @property
    def sums(self) -> int:
        """Return how many results of dot products, or totals of warps, a block keeps."""
        return self.channels + 2 + (self.warps if self.wide else 0)

    def workspace_bytes(self, rules: list[RuleText]) -> int:
        """Return the bytes of shared memory for rules that name `workspace`: four rows of features."""
        return 4 * 8 * self.m if any(r.needs_workspace for r in rules) else 0

    @property
    def scratch_bytes(self) -> int:
        """Return the bytes of device memory for a rule that names `scratch`: 32 doubles per lower tile."""
        rows = self.m // 32
        return rows * (rows + 1) // 2 * 32 * 8

    def shared_bytes(self, rules: list[RuleText]) -> int:
        """Return the bytes of shared memory of a block, as network.cu lays them out."""
        own = 0 if self.wide else 1
        parts = [
            job_dtype(rules).itemsize,
            own * 8 * self.words,
            self.numbers * self.size,
            own * self.m * self.size,
            8 * self.sums,
            (len(rules) + 1) * self.channels * self.size,
            0 if self.dense or self.wide else self.n_pad * self.size,
            4 * self.n_pad * self.size if self.traces_shared else 0,
        ]
        return sum((p + 15) // 16 * 16 for p in parts) + self.workspace_bytes(rules)

    def source(self, rules: list[RuleText]) -> str:
        """Return the whole text of the variant."""
        values: dict[str, Any] = dict(
            N=self.n,
            QUARTER=self.quarter,
            M=self.m,
            K=self.channels,
            CHANNELS_IN=self.channels_in,
            SUB_STEPS=self.sub_steps,
            HOLD=self.hold,
            SLOTS=self.slots,
            DENSE=self.dense,
            NOISY=self.noisy,
            RISES=self.rises,
            TRACE_RISES=self.trace_rises,
            NORMALISED=self.normalised,
            HEUN=self.heun,
            FEEDS_BACK=self.feeds_back,
            EXTRA_CURRENT=self.extra_current,
            THREADS=self.threads,
            READOUTS=len(rules),
            SUMS=self.sums,
            WIDE=self.wide,
            CUTS=self.cuts,
            SHARED_TRACES=self.traces_shared,
            PARAMETERS_IN_REGISTERS=self.parameters_in_registers,
            BLOCKS_AT_ONCE=self.blocks_at_once,
            HEAVY=self.heavy,
            PURPOSE_MEMBRANE=PURPOSE_MEMBRANE,
            BLOW_UP_MV=int(BLOW_UP_MV),
            WORKSPACE_BYTES=self.workspace_bytes(rules),
            SHARED_BYTES=self.shared_bytes(rules),
        )
        constants = "\n".join(f"constexpr int {k} = {int(v)};" for k, v in values.items())
        fields = " ".join(f"{kind}{name};" for kind, name in JOB)
        nested = " ".join(f"readout{i}::Arrays readout{i};" for i in range(len(rules)))
        calls = " ".join(f"do_({i})" for i in range(len(rules)))
        return "\n".join(
            [
                f"#define REAL {C_TYPES[self.real]}",
                constants,
                f"#define FOR_EACH_READOUT(do_) {calls}",
                device_file("common.cu"),
                *[r.source(i) for i, r in enumerate(rules)],
                f"struct Job {{ {fields} {nested} }};",
                device_file("network.cu"),
                device_file("wide.cu" if self.wide else "kernel.cu"),
            ]
        )

    @property
    def parameters_in_registers(self) -> bool:
        """Return whether a thread has registers for the parameters of its four cells."""
        return (
            not (self.heavy or self.wide)
            and not (self.rises and self.heun)
            and self.quarter <= self.threads <= 256
        )

    @property
    def blocks_at_once(self) -> int:
        """Blocks that must find room on a multiprocessor: leaves 128 registers, 255 where a rule needs them.

        In float64 some are spilled then, and two blocks at once are still 1.17 times as fast (docs/gpu.md).
        """
        return 1 if self.heavy else max(1, MOST_THREADS // self.threads)


def job_dtype(rules: list[RuleText]) -> np.dtype:
    """Return the structured dtype of the struct `Job`: pointers and whole numbers of eight bytes."""
    return np.dtype(
        [(name, np.uint64) for _, name in JOB] + [(f"readout{i}", r.dtype) for i, r in enumerate(rules)]
    )
