"""Where the threads of one network wait for each other: once per step of the network.

A thread that arrives adds 1 to a number that all share, and goes on when the number says that
everyone has arrived. The addition releases what the thread wrote, and the read acquires what
the others wrote, so that no other synchronisation is needed.
"""

from __future__ import annotations

import os
import platform
from typing import Any

import numba as nb
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

SPINS = 4096
"""Reads, some 20 us, before a waiting thread offers its core to others: those may hold one of ours up."""

OPEN = 2**62
"""What the shared number is set to when a thread fails: nobody waits any more."""

PAUSES: dict[str, tuple[str, list[int]]] = {
    "x86_64": ("llvm.x86.sse2.pause", []),
    "AMD64": ("llvm.x86.sse2.pause", []),
    "aarch64": ("llvm.aarch64.hint", [1]),
    "arm64": ("llvm.aarch64.hint", [1]),
}
"""The instruction by which a core is told that it waits in a loop, by machine, and its arguments."""

_give_way = types.ExternalFunction("SwitchToThread" if os.name == "nt" else "sched_yield", types.int32())


def _at_zero(context: Any, do: ir.IRBuilder, kind: Any, array: Any) -> Any:
    return context.make_array(kind)(context, do, array).data


@intrinsic
def _arrive(typing_context, counter):
    """Add 1 to ``counter[0]`` for all to see."""

    def codegen(context: Any, do: ir.IRBuilder, signature: Any, values: tuple) -> Any:
        at = _at_zero(context, do, signature.args[0], values[0])
        do.atomic_rmw("add", at, ir.Constant(ir.IntType(64), 1), "acq_rel")
        return context.get_dummy_value()

    return types.void(counter), codegen


@intrinsic
def _arrived(typing_context, counter):
    """Return ``counter[0]`` as the others left it."""

    def codegen(context: Any, do: ir.IRBuilder, signature: Any, values: tuple) -> Any:
        at = _at_zero(context, do, signature.args[0], values[0])
        return do.load_atomic(at, "acquire", 8)

    return types.int64(counter), codegen


@intrinsic
def _pause(typing_context):
    """Tell the core that it waits."""

    def codegen(context: Any, do: ir.IRBuilder, signature: Any, values: tuple) -> Any:
        if platform.machine() in PAUSES:
            name, numbers = PAUSES[platform.machine()]
            arguments = [ir.Constant(ir.IntType(32), number) for number in numbers]
            kind = ir.FunctionType(ir.VoidType(), [a.type for a in arguments])
            do.call(do.module.declare_intrinsic(name, (), kind), arguments)
        return context.get_dummy_value()

    return types.void(), codegen


@nb.njit(nogil=True, error_model="numpy", _nrt=False)
def meet(counter, meetings, size):
    """Wait until all threads have come here.

    Parameters
    ----------
    counter : (1,) int64 ndarray
        Arrivals so far, of all threads together; shared.
    meetings : (1,) int64 ndarray
        Arrivals of `size` threads that this one waits for next; its own.
    size : int
        Number of threads.
    """
    meetings[0] += size
    _arrive(counter)
    spins = 0
    while _arrived(counter) < meetings[0]:
        if spins < SPINS:
            spins += 1
            _pause()
        else:
            _give_way()


def let_go(counter: np.ndarray) -> None:
    """Let every thread pass from now on, because one of them will not come."""
    counter[0] = OPEN
