"""Vector code for 32 consecutive numbers, the width of the canonical order.

LLVM unrolls a loop of 32 before it could vectorise it and finds no way back,
and it gives up on loops over a dozen arrays that might overlap; so the inner
loops are written as vectors. `simd_function` turns a Python function over vectors
into such code (`spikewhen.reservoir.vector`). Indices are checked only where Numba's own
are (``boundscheck``).

A processor with AVX-512 has 32 registers of 64 bytes, in which a dozen rows of 32 find room. One with
16 registers of 32 bytes would keep them on the stack, which takes up to twice as long (benchmarks/README.md).
So there a row is worked on in parts, one after the other. Lanes do not meet, so the bits are the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from spikewhen.reservoir.vector import WIDTH, ArrayRow, Bounds, Part, Vector

WHOLE = Part()


def _row(context: Any, do: ir.IRBuilder, kind: Any, array: Any, index: Any, part: Part = WHOLE) -> ArrayRow:
    given = context.make_array(kind)(context, do, array)
    align = context.get_abi_sizeof(context.get_value_type(kind.dtype))
    bounds = None
    if context.enable_boundscheck:
        bounds = Bounds(context, do, given.nitems, ir.Constant(given.nitems.type, 0)).later(index)
    return ArrayRow(do, cgutils.gep_inbounds(do, given.data, index), align, part, bounds)


def lanes_at_once(features: str, element_bytes: int) -> int:
    """Return how many lanes of a row of 32 are worked on at once: what two registers hold, or all.

    Two, because one leaves the arithmetic units waiting for each other's results, and four of sixteen
    are too many where seven rows are kept at a time.

    Parameters
    ----------
    features : str
        What the processor has, as LLVM writes it: ``+avx,+avx2,-avx512f``.
    element_bytes : int
        Of the widest elements.
    """
    has = features.split(",")
    if "+avx512f" in has:
        return WIDTH
    return min(WIDTH, 2 * (32 if "+avx" in has else 16) // element_bytes)


def simd_function(body: Callable[..., Vector | None] | None = None, *, whole: bool = False) -> Any:
    """Make a compiled function of a function over rows and scalars.

    In the call each array is followed by the index of its row; `body` gets a
    `ArrayRow` for it, and a scalar `Vector` for a number. What `body` returns, a
    comparison, comes back as a bit mask (uint32, lane 0 lowest).

    Parameters
    ----------
    body : callable
    whole : bool
        Whether lanes meet in `body` (`Vector.fold`), which then has to have all 32 at once.
    """
    if body is None:
        return partial(simd_function, whole=whole)
    given = list(inspect.signature(body).parameters)

    def typing(typing_context: Any, *arguments: Any) -> Any:
        def codegen(context: Any, do: ir.IRBuilder, signature: Any, values: tuple) -> Any:
            def work_on(part: Part) -> Any:
                found: list[Vector] = []
                pairs = iter(zip(signature.args, values, strict=True))
                for kind, value in pairs:
                    if isinstance(kind, types.Array):
                        found.append(_row(context, do, kind, value, next(pairs)[1], part))
                    else:
                        found.append(Vector(do, value))
                result = body(*found)
                return result and do.bitcast(result.value, ir.IntType(part.width))

            features, widest = context.codegen().magic_tuple()[2], _widest(context, signature.args)
            if whole or lanes_at_once(features, widest) == WIDTH:
                mask = work_on(WHOLE)
                return context.get_dummy_value() if mask is None else mask
            return _in_parts(context, do, work_on, lanes_at_once(features, widest))

        returns = types.uint32 if body.__annotations__.get("return") == "Vector" else types.void
        return returns(*arguments), codegen

    names = ["context"]
    for name in given:
        names += [name, f"{name}_at"] if body.__annotations__.get(name) == "ArrayRow" else [name]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    typing.__signature__ = inspect.Signature([inspect.Parameter(n, kind) for n in names])  # type: ignore[attr-defined]
    typing.__name__ = typing.__qualname__ = body.__name__
    return intrinsic(typing)


def _widest(context: Any, kinds: tuple) -> int:
    """Return the bytes of the widest elements of arrays."""
    arrays = (kind for kind in kinds if isinstance(kind, types.Array))
    return max(context.get_abi_sizeof(context.get_value_type(kind.dtype)) for kind in arrays)


def _in_parts(context: Any, do: ir.IRBuilder, work_on: Callable[[Part], Any], width: int) -> Any:
    """Write a loop over the parts of a row; returns the mask of all 32 lanes."""
    size, bits = ir.IntType(64), ir.IntType(32)
    zero, whole, step = (ir.Constant(size, n) for n in (0, WIDTH, width))
    found = cgutils.alloca_once_value(do, ir.Constant(bits, 0))
    with cgutils.for_range_slice(do, zero, whole, step, intp=size) as (start, _):
        mask = work_on(Part(start, width))
        if mask is not None:
            do.store(do.or_(do.load(found), do.shl(do.zext(mask, bits), do.trunc(start, bits))), found)
    return context.get_dummy_value() if mask is None else do.load(found)


@simd_function
def set_row(out: ArrayRow, a: ArrayRow) -> None:
    """Copy a row: ``out = a``."""
    out.set(a)


@simd_function
def add_row(out: ArrayRow, a: ArrayRow) -> None:
    """Add a row: ``out += a``."""
    out.set(out + a)


@simd_function
def sum_scaled(out: ArrayRow, a: ArrayRow, b: ArrayRow, factor: Vector) -> None:
    """Add a scaled row: ``out = a + b factor``."""
    out.set(a + b * factor)


@intrinsic
def dot(typing_context, a, b):
    """Return the sum of ``a b`` in the canonical order of `spikewhen.reservoir.dot`."""

    def codegen(context: Any, do: ir.IRBuilder, signature: Any, values: tuple) -> Any:
        kind, arrays = (
            signature.args[0],
            [context.make_array(signature.args[0])(context, do, v) for v in values],
        )
        acc = cgutils.alloca_once(do, ir.VectorType(context.get_value_type(kind.dtype), WIDTH))
        do.store(ir.Constant(acc.type.pointee, None), acc)
        size = cgutils.unpack_tuple(do, arrays[0].shape, 1)[0]
        zero, width = ir.Constant(size.type, 0), ir.Constant(size.type, WIDTH)
        with cgutils.for_range_slice(do, zero, size, width, intp=size.type) as (at, _):
            x, y = (_row(context, do, kind, v, at) for v in values)
            do.store((Vector(do, do.load(acc)) + x * y).value, acc)
        return Vector(do, do.load(acc)).fold().value

    return a.dtype(a, b), codegen


@intrinsic
def lowest_bit(typing_context, mask):
    """Return the index of the lowest bit set in an unsigned integer that is not 0."""

    def codegen(context: Any, do: ir.IRBuilder, signature: Any, values: tuple) -> Any:
        return do.zext(do.cttz(values[0], ir.Constant(ir.IntType(1), 1)), ir.IntType(64))

    return types.int64(mask), codegen
