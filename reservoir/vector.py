"""Rows of 32 numbers, or a part of one, while vector code is being made: operators become single operations.

Each is rounded by itself (no contraction flag is ever set).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from llvmlite import ir
from numba.core import cgutils

WIDTH = 32


@contextmanager
def rows_by(row: ArrayRow, step: int) -> Iterator[Vector]:
    """Write a loop over 32 rows, `step` of them in each turn; gives the first of them."""
    size = ir.IntType(64)
    zero, end, by = (ir.Constant(size, n) for n in (0, WIDTH, step))
    with cgutils.for_range_slice(row.do, zero, end, by, intp=size) as (first, _):
        yield Vector(row.do, first)


class Part(NamedTuple):
    """The lanes of a row that are worked on at once."""

    start: Any = None  # the first of them, an integer of 64 bits; None for 0
    width: int = WIDTH


class Vector:
    """Numbers side by side (or one, which meets several as so many copies)."""

    def __init__(self, do: ir.IRBuilder, value: Any):
        self.do, self.value = do, value

    @property
    def _type(self) -> Any:
        return self.value.type

    def _pair(self, other: Any) -> tuple[Any, Any]:
        a, b = self.value, other.value if isinstance(other, Vector) else self._constant(other)
        wide = [isinstance(v.type, ir.VectorType) for v in (a, b)]
        if wide[0] and not wide[1]:
            b = self._spread(b, a.type.count)
        elif wide[1] and not wide[0]:
            a = self._spread(a, b.type.count)
        return a, b

    def _constant(self, number: Any) -> Any:
        kind = self._type.element if isinstance(self._type, ir.VectorType) else self._type
        return ir.Constant(kind, number)

    def _spread(self, scalar: Any, width: int) -> Any:
        vector, index = ir.VectorType(scalar.type, width), ir.IntType(32)
        empty = ir.Constant(vector, ir.Undefined)
        one = self.do.insert_element(empty, scalar, ir.Constant(index, 0))
        return self.do.shuffle_vector(one, empty, ir.Constant(ir.VectorType(index, width), [0] * width))

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
        name = f"llvm.sqrt.v{kind.count}{kind.element.intrinsic_name}"
        root = self.do.module.declare_intrinsic(name, (), ir.FunctionType(kind, [kind]))
        return Vector(self.do, self.do.call(root, [self.value]))

    def fold(self) -> Vector:
        """Halve the 32 lanes until one sum is left: ``a[:h] + a[h:]`` for h = 16, 8, 4, 2, 1."""
        do, value, index = self.do, self.value, ir.IntType(32)
        for h in (16, 8, 4, 2, 1):
            empty = ir.Constant(value.type, ir.Undefined)
            halves = [
                do.shuffle_vector(value, empty, ir.Constant(ir.VectorType(index, h), [*range(at, at + h)]))
                for at in (0, h)
            ]
            value = do.fadd(*halves)
        return Vector(do, do.extract_element(value, ir.Constant(index, 0)))

    def turned(self, bits: int) -> Vector:
        """Turn 32-bit integers to the left: what leaves above comes in below."""
        (value, up), (_, down) = self._pair(bits), self._pair(32 - bits)
        return Vector(self.do, self.do.or_(self.do.shl(value, up), self.do.lshr(value, down)))

    def real_like(self, scalar: Vector) -> Vector:
        """Turn signed integers into real numbers of the type of `scalar`."""
        return Vector(self.do, self.do.sitofp(self.value, ir.VectorType(scalar.value.type, self._type.count)))


class ArrayRow(Vector):
    """32 elements of an array, from an index on; what is read and written of them is a part."""

    def __init__(self, do: ir.IRBuilder, first: Any, align: int, part: Part, bounds: Bounds | None = None):
        self.do, self._first, self._align, self._part, self._bounds = do, first, align, part, bounds
        self._loaded: Any = None

    @property
    def value(self) -> Any:  # type: ignore[override]
        """The elements of the part, loaded when they are first needed."""
        if self._loaded is None:
            self._loaded = self.do.load(self._pointer(), align=self._align)
        return self._loaded

    def read(self) -> ArrayRow:
        """Load the elements now: before a loop, in which they would be loaded again and again."""
        _ = self.value
        return self

    def _pointer(self) -> Any:
        (start, width), first, bounds = self._part, self._first, self._bounds
        if start is not None:
            first, bounds = self.do.gep(first, [start]), bounds and bounds.later(start)
        if bounds:
            bounds.check(0)
            bounds.check(width - 1)
        return self.do.bitcast(first, ir.VectorType(first.type.pointee, width).as_pointer())

    def _element(self, i: Any) -> Any:
        return self.do.gep(self._first, [ir.Constant(ir.IntType(64), i) if isinstance(i, int) else i])

    def set(self, vector: Vector) -> None:
        """Store the elements of the part."""
        self.do.store(vector.value, self._pointer(), align=self._align)

    def row(self, p: int | Vector) -> ArrayRow:
        """Return the `p`-th row of 32 from here."""
        at = WIDTH * p if isinstance(p, int) else (p * WIDTH).value
        bounds = self._bounds and self._bounds.later(at)
        return ArrayRow(self.do, self._element(at), self._align, self._part, bounds)

    def later(self, offset: Vector) -> ArrayRow:
        """Return the row that begins `offset` elements after this one."""
        bounds = self._bounds and self._bounds.later(offset.value)
        return ArrayRow(self.do, self.do.gep(self._first, [offset.value]), self._align, self._part, bounds)

    def counted(self, first: Vector) -> Vector:
        """Return the integers `first` + 0, 1, ..., 31, one for each lane."""
        kind, (start, width) = first.value.type, self._part
        lanes = Vector(self.do, ir.Constant(ir.VectorType(kind, width), list(range(width))))
        return lanes + (first if start is None else first + Vector(self.do, self.do.trunc(start, kind)))

    def sums(self, n: int) -> list[Sum]:
        """Return `n` sums of a row's length, without a summand."""
        return [Sum(self.do, ir.VectorType(self._first.type.pointee, self._part.width)) for _ in range(n)]

    def fetch_ahead(self, r: Vector) -> None:
        """While row `r` of 32 is worked on, ask for a part of the 32 rows that follow those.

        Parts jump from row to row, in which the processor does not see that memory is read in order; the
        parts asked for are in order. Rows worked on whole are.
        """
        start, width = self._part
        if start is None:
            return
        number, byte = ir.IntType(32), ir.IntType(8).as_pointer()
        at = (Vector(self.do, start) * WIDTH + r * width + WIDTH * WIDTH).value
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        fetch = self.do.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        to_read, soon, data = (ir.Constant(number, n) for n in (0, 3, 1))
        self.do.call(fetch, [self.do.bitcast(self.do.gep(self._first, [at]), byte), to_read, soon, data])

    def lane(self, i: int | Vector) -> Vector:
        """Return one element, whatever the part."""
        i = i.value if isinstance(i, Vector) else i
        if self._bounds:
            self._bounds.check(i)
        return Vector(self.do, self.do.load(self._element(i), align=self._align))

    def set_lane(self, i: int | Vector, scalar: Vector) -> None:
        """Store one element, whatever the part."""
        i = i.value if isinstance(i, Vector) else i
        if self._bounds:
            self._bounds.check(i)
        self.do.store(scalar.value, self._element(i), align=self._align)


class Sum:
    """A sum that grows in a loop.

    It begins with -0: unlike 0, that leaves the first summand as it is, -0 too.
    """

    def __init__(self, do: ir.IRBuilder, kind: ir.VectorType):
        self._do = do
        self._at = cgutils.alloca_once(do, kind)
        do.store(ir.Constant(kind, [-0.0] * kind.count), self._at)

    @property
    def total(self) -> Vector:
        """The sum so far."""
        return Vector(self._do, self._do.load(self._at))

    def add(self, more: Vector) -> None:
        """Add a row."""
        self._do.store((self.total + more).value, self._at)


class Bounds:
    """The place of a row in its array, where the function is compiled with bounds checks."""

    def __init__(self, context: Any, do: ir.IRBuilder, size: Any, at: Any):
        self._context, self._do, self._size, self._at = context, do, size, at

    def later(self, offset: Any) -> Bounds:
        """Return the place `offset` elements after this one."""
        return Bounds(self._context, self._do, self._size, self._do.add(self._at, self._index(offset)))

    def check(self, offset: Any) -> None:
        """Write code that raises IndexError if there is no such element."""
        at = self._do.add(self._at, self._index(offset))
        cgutils.do_boundscheck(self._context, self._do, at, self._size)

    def _index(self, offset: Any) -> Any:
        if isinstance(offset, int):
            return ir.Constant(self._size.type, offset)
        narrow = offset.type.width < self._size.type.width
        return self._do.sext(offset, self._size.type) if narrow else offset
