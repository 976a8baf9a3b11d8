"""Vector code for 32 consecutive numbers, the width of the canonical order.

LLVM unrolls a loop of 32 before it could vectorise it and finds no way back,
and it gives up on loops over a dozen arrays that might overlap; so the inner
loops are written as vectors. `simd_function` turns a Python function over vectors
into such code: its operators become single operations of the machine, each
rounded by itself (no contraction flag is ever set). Indices are checked only where Numba's own are
(``boundscheck``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

WIDTH = 32


class Vector:
    """32 numbers (or one, which meets 32 as 32 copies) while code is being made."""

    def __init__(self, do: ir.IRBuilder, value: Any):
        self.do, self.value = do, value

    @property
    def _type(self) -> Any:
        return self.value.type

    def _pair(self, other: Any) -> tuple[Any, Any]:
        a, b = self.value, other.value if isinstance(other, Vector) else self._constant(other)
        wide = [isinstance(v.type, ir.VectorType) for v in (a, b)]
        if wide[0] and not wide[1]:
            b = self._spread(b)
        elif wide[1] and not wide[0]:
            a = self._spread(a)
        return a, b

    def _constant(self, number: Any) -> Any:
        kind = self._type.element if isinstance(self._type, ir.VectorType) else self._type
        return ir.Constant(kind, number)

    def _spread(self, scalar: Any) -> Any:
        vector, index = ir.VectorType(scalar.type, WIDTH), ir.IntType(32)
        empty = ir.Constant(vector, ir.Undefined)
        one = self.do.insert_element(empty, scalar, ir.Constant(index, 0))
        return self.do.shuffle_vector(one, empty, ir.Constant(ir.VectorType(index, WIDTH), [0] * WIDTH))

    def _apply(self, other: Any, real: str, integer: str) -> Vector:
        a, b = self._pair(other)
        kind = a.type.element if isinstance(a.type, ir.VectorType) else a.type
        operation = integer if isinstance(kind, ir.IntType) else real
        return Vector(self.do, getattr(self.do, operation)(a, b))

    def __add__(self, other: Any) -> Vector:
        return self._apply(other, "fadd", "add")

    def __sub__(self, other: Any) -> Vector:
        return self._apply(other, "fsub", "sub")

    def __mul__(self, other: Any) -> Vector:
        return self._apply(other, "fmul", "mul")

    def __truediv__(self, other: Any) -> Vector:
        return self._apply(other, "fdiv", "")

    def __and__(self, other: Any) -> Vector:
        return self._apply(other, "", "and_")

    def __xor__(self, other: Any) -> Vector:
        return self._apply(other, "", "xor")

    def __rshift__(self, other: Any) -> Vector:
        return self._apply(other, "", "lshr")

    def __ge__(self, other: Any) -> Vector:
        return Vector(self.do, self.do.fcmp_ordered(">=", *self._pair(other)))

    def or_zero(self, least: float) -> Vector:
        """Return the numbers, with 0 for those below `least`."""
        keep = self.do.fcmp_ordered(">=", *self._pair(least))
        return Vector(self.do, self.do.select(keep, self.value, ir.Constant(self.value.type, None)))

    def sqrt(self) -> Vector:
        """Return the square root, rounded correctly."""
        kind = self._type
        name = f"llvm.sqrt.v{WIDTH}{kind.element.intrinsic_name}"
        root = self.do.module.declare_intrinsic(name, (), ir.FunctionType(kind, [kind]))
        return Vector(self.do, self.do.call(root, [self.value]))

    def fold(self) -> Vector:
        """Halve the lanes until one sum is left: ``a[:h] + a[h:]`` for h = 16, 8, 4, 2, 1."""
        do, value, index = self.do, self.value, ir.IntType(32)
        for h in (16, 8, 4, 2, 1):
            empty = ir.Constant(value.type, ir.Undefined)
            halves = [
                do.shuffle_vector(value, empty, ir.Constant(ir.VectorType(index, h), [*range(at, at + h)]))
                for at in (0, h)
            ]
            value = do.fadd(*halves)
        return Vector(do, do.extract_element(value, ir.Constant(index, 0)))

    def counting(self) -> Vector:
        """Return this scalar + (0, 1, ..., 31)."""
        steps = ir.Constant(ir.VectorType(self._type, WIDTH), list(range(WIDTH)))
        return self + Vector(self.do, steps)

    def turned(self, bits: int) -> Vector:
        """Turn 32-bit integers to the left: what leaves above comes in below."""
        (value, up), (_, down) = self._pair(bits), self._pair(32 - bits)
        return Vector(self.do, self.do.or_(self.do.shl(value, up), self.do.lshr(value, down)))

    def real_like(self, scalar: Vector) -> Vector:
        """Turn signed integers into real numbers of the type of `scalar`."""
        return Vector(self.do, self.do.sitofp(self.value, ir.VectorType(scalar.value.type, WIDTH)))


class ArrayRow(Vector):
    """32 elements of an array, from an index on, while code is being made."""

    def __init__(self, do: ir.IRBuilder, first: Any, align: int, bounds: _Bounds | None = None):
        self.do, self._first, self._align, self._bounds = do, first, align, bounds
        self._loaded: Any = None

    @property
    def value(self) -> Any:  # type: ignore[override]
        """The 32 elements, loaded when they are first needed."""
        if self._loaded is None:
            self._loaded = self.do.load(self._pointer(), align=self._align)
        return self._loaded

    def _pointer(self) -> Any:
        if self._bounds:
            self._bounds.check(0)
            self._bounds.check(WIDTH - 1)
        vector = ir.VectorType(self._first.type.pointee, WIDTH)
        return self.do.bitcast(self._first, vector.as_pointer())

    def _element(self, i: int) -> Any:
        return self.do.gep(self._first, [ir.Constant(ir.IntType(64), i)])

    def set(self, vector: Vector) -> None:
        """Store 32 elements."""
        self.do.store(vector.value, self._pointer(), align=self._align)

    def row(self, p: int) -> ArrayRow:
        """Return the `p`-th row of 32 from here."""
        bounds = self._bounds and self._bounds.later(WIDTH * p)
        return ArrayRow(self.do, self._element(WIDTH * p), self._align, bounds)

    def later(self, offset: Vector) -> ArrayRow:
        """Return the row that begins `offset` elements after this one."""
        bounds = self._bounds and self._bounds.later(offset.value)
        return ArrayRow(self.do, self.do.gep(self._first, [offset.value]), self._align, bounds)

    def lane(self, i: int) -> Vector:
        """Return one element."""
        if self._bounds:
            self._bounds.check(i)
        return Vector(self.do, self.do.load(self._element(i), align=self._align))

    def set_lane(self, i: int, scalar: Vector) -> None:
        """Store one element."""
        if self._bounds:
            self._bounds.check(i)
        self.do.store(scalar.value, self._element(i), align=self._align)


class _Bounds:
    """The place of a row in its array, where the function is compiled with bounds checks."""

    def __init__(self, context: Any, do: ir.IRBuilder, size: Any, at: Any):
        self._context, self._do, self._size, self._at = context, do, size, at

    def later(self, offset: Any) -> _Bounds:
        """Return the place `offset` elements after this one."""
        return _Bounds(self._context, self._do, self._size, self._do.add(self._at, self._index(offset)))

    def check(self, offset: int) -> None:
        """Write code that raises IndexError if there is no such element."""
        at = self._do.add(self._at, self._index(offset))
        cgutils.do_boundscheck(self._context, self._do, at, self._size)

    def _index(self, offset: Any) -> Any:
        if isinstance(offset, int):
            return ir.Constant(self._size.type, offset)
        narrow = offset.type.width < self._size.type.width
        return self._do.sext(offset, self._size.type) if narrow else offset


def _row(context: Any, do: ir.IRBuilder, kind: Any, array: Any, index: Any) -> ArrayRow:
    given = context.make_array(kind)(context, do, array)
    align = context.get_abi_sizeof(context.get_value_type(kind.dtype))
    bounds = None
    if context.enable_boundscheck:
        bounds = _Bounds(context, do, given.nitems, ir.Constant(given.nitems.type, 0)).later(index)
    return ArrayRow(do, cgutils.gep_inbounds(do, given.data, index), align, bounds)


def simd_function(body: Callable[..., Vector | None]) -> Any:
    """Make a compiled function of a function over rows and scalars.

    In the call each array is followed by the index of its row; `body` gets a
    `ArrayRow` for it, and a scalar `Vector` for a number. What `body` returns, a
    comparison, comes back as a bit mask (uint32, lane 0 lowest).
    """
    given = list(inspect.signature(body).parameters)

    def typing(typing_context: Any, *arguments: Any) -> Any:
        def codegen(context: Any, do: ir.IRBuilder, signature: Any, values: tuple) -> Any:
            found: list[Vector] = []
            pairs = iter(zip(signature.args, values, strict=True))
            for kind, value in pairs:
                if isinstance(kind, types.Array):
                    found.append(_row(context, do, kind, value, next(pairs)[1]))
                else:
                    found.append(Vector(do, value))
            result = body(*found)
            if result is None:
                return context.get_dummy_value()
            return do.bitcast(result.value, ir.IntType(32))

        returns = types.uint32 if body.__annotations__.get("return") == "Vector" else types.void
        return returns(*arguments), codegen

    names = ["context"]
    for name in given:
        names += [name, f"{name}_at"] if body.__annotations__.get(name) == "ArrayRow" else [name]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    typing.__signature__ = inspect.Signature([inspect.Parameter(n, kind) for n in names])  # type: ignore[attr-defined]
    typing.__name__ = typing.__qualname__ = body.__name__
    return intrinsic(typing)


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
