"""Vector code for 32 consecutive numbers, the width of the canonical order.

LLVM unrolls a loop of 32 before it could vectorise it and finds no way back
(the tile kernels ran on scalars, 2 to 5 times slower), so these few operations
are written as vectors. Each is one product and one sum, rounded separately: no
contraction flag is set. Indices are not checked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

WIDTH = 32


class _Builder:
    """Loads and stores 32 elements of one-dimensional arrays, and spreads scalars."""

    def __init__(self, context: Any, builder: Any, array_type: Any):
        self.context, self.builder = context, builder
        self.element = context.get_value_type(array_type.dtype)
        self.vector = ir.VectorType(self.element, WIDTH)
        self.align = context.get_abi_sizeof(self.element)

    def at(self, array_type: Any, array: Any, index: Any) -> Any:
        """Point at ``array[index : index + 32]``."""
        data = self.context.make_array(array_type)(self.context, self.builder, array).data
        first = cgutils.gep_inbounds(self.builder, data, index)
        return self.builder.bitcast(first, self.vector.as_pointer())

    def load(self, pointer: Any) -> Any:
        """Read 32 elements."""
        return self.builder.load(pointer, align=self.align)

    def store(self, value: Any, pointer: Any) -> None:
        """Write 32 elements."""
        self.builder.store(value, pointer, align=self.align)

    def spread(self, scalar: Any) -> Any:
        """Return 32 copies of a scalar."""
        empty, index = ir.Constant(self.vector, ir.Undefined), ir.IntType(32)
        one = self.builder.insert_element(empty, scalar, ir.Constant(index, 0))
        return self.builder.shuffle_vector(one, empty, ir.Constant(ir.VectorType(index, WIDTH), [0] * WIDTH))


def _in_place(combine: Callable[[Any, list], Any]) -> Callable:
    """Make the code of ``out[i : i + 32] = combine(out, ...)``; arrays come with their index."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: tuple) -> Any:
        lanes = _Builder(context, builder, signature.args[0])
        pointers, values = [], []
        given = iter(zip(signature.args, arguments, strict=True))
        for kind, value in given:
            if isinstance(kind, types.Array):
                pointers.append(lanes.at(kind, value, next(given)[1]))
                values.append(lanes.load(pointers[-1]))
            else:
                values.append(lanes.spread(value))
        lanes.store(combine(builder, values), pointers[0])
        return context.get_dummy_value()

    return codegen


@intrinsic
def add_products(typing, out, i, a, j, b, k):
    """``out[i:i+32] += a[j:j+32] * b[k:k+32]``."""
    code = _in_place(lambda do, v: do.fadd(v[0], do.fmul(v[1], v[2])))
    return types.void(out, types.intp, a, types.intp, b, types.intp), code


@intrinsic
def add_scaled(typing, out, i, a, j, factor):
    """``out[i:i+32] += a[j:j+32] * factor``."""
    code = _in_place(lambda do, v: do.fadd(v[0], do.fmul(v[1], v[2])))
    return types.void(out, types.intp, a, types.intp, factor), code


@intrinsic
def subtract_scaled(typing, out, i, a, j, factor):
    """``out[i:i+32] -= factor * a[j:j+32]``."""
    code = _in_place(lambda do, v: do.fsub(v[0], do.fmul(v[2], v[1])))
    return types.void(out, types.intp, a, types.intp, factor), code


@intrinsic
def subtract_scaled_and_divide(typing, out, i, a, j, factor, divisor):
    """``out[i:i+32] = (out[i:i+32] - factor * a[j:j+32]) / divisor``."""
    code = _in_place(lambda do, v: do.fdiv(do.fsub(v[0], do.fmul(v[2], v[1])), v[3]))
    return types.void(out, types.intp, a, types.intp, factor, divisor), code
