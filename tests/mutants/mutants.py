"""Mutants of a source file: each changes one place.

An operator, the grouping of a sum or product, a constant, an index, a comparison, a
condition, the order of two arguments; or a statement is dropped. Decorators,
annotations, parameters' defaults and error messages stay as they are.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]

OPERATOR = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "+",
    ast.Div: "*",
    ast.FloorDiv: "*",
    ast.Mod: "//",
    ast.Pow: "*",
    ast.RShift: "<<",
    ast.LShift: ">>",
    ast.BitAnd: "^",
    ast.BitOr: "&",
    ast.BitXor: "&",
    ast.MatMult: "*",
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
}
REGROUPED = {  # (a o b) p c -> a q (b r c)
    (ast.Add, ast.Add): "++",
    (ast.Add, ast.Sub): "+-",
    (ast.Sub, ast.Add): "--",
    (ast.Sub, ast.Sub): "-+",
    (ast.Mult, ast.Mult): "**",
    (ast.Mult, ast.Div): "*/",
    (ast.Div, ast.Mult): "//",
}
WORDS = {  # operations by name, llvmlite's among them
    ">=": ">",
    "fadd": "fsub",
    "fsub": "fadd",
    "fmul": "fadd",
    "fdiv": "fmul",
    "add": "sub",
    "sub": "add",
    "mul": "add",
    "lshr": "ashr",
    "and_": "or_",
    "xor": "or_",
    "max": "min",
    "min": "max",
}
DROPPED = (ast.AugAssign, ast.Return, ast.Continue, ast.Break, ast.Raise)


class Mutant(NamedTuple):
    """The bytes ``start:end`` of a file become `text`."""

    file: str
    line: int
    operator: str
    start: int
    end: int
    text: str

    def source(self) -> bytes:
        """Return the file with the change in it."""
        source = (ROOT / self.file).read_bytes()
        return source[: self.start] + self.text.encode() + source[self.end :]

    def __str__(self) -> str:
        old = (ROOT / self.file).read_bytes()[self.start : self.end].decode()
        new = " ".join(self.text.split())
        return f"{self.file}:{self.line} {self.operator}: {' '.join(old.split())} -> {new}"


def mutants(file: str) -> list[Mutant]:
    """All mutants of a file, in the order of the text."""
    finder = _Finder(file)
    found = {m[3:]: m for child in ast.parse(finder.source).body for m in finder.walk(child, set())}
    return sorted(found.values(), key=lambda m: (m.start, m.end, m.text))


class _Finder:
    def __init__(self, file: str):
        self.file, self.source = file, (ROOT / file).read_bytes()
        self.starts = [0]
        for line in self.source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def span(self, node: Any) -> tuple[int, int]:
        first, last = self.starts[node.lineno - 1], self.starts[node.end_lineno - 1]
        return first + node.col_offset, last + node.end_col_offset

    def text(self, node: Any) -> str:
        return self.source[slice(*self.span(node))].decode()

    def put(self, node: Any, operator: str, new: str) -> Mutant:
        return Mutant(self.file, node.lineno, operator, *self.span(node), new)

    def walk(self, node: Any, bound: set[str]) -> Iterator[Mutant]:
        """Mutants in a statement or expression; `bound` are the names that have a value by now."""
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound = {a.arg for a in ast.walk(node) if isinstance(a, ast.arg)}
            for child in node.body:
                yield from self.walk(child, bound)
            return
        if isinstance(node, ast.AnnAssign):
            node = node.value
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if node is None or docstring:
            return
        if isinstance(node, ast.Call) and self.text(node.func) in ("param", "InputError"):
            return
        yield from self.statement(node, bound)
        yield from self.expression(node)
        for child in ast.iter_child_nodes(node):
            yield from self.walk(child, bound)

    def statement(self, node: Any, bound: set[str]) -> Iterator[Mutant]:
        drop = isinstance(node, DROPPED) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
        if isinstance(node, ast.Assign):  # without a name's first value there is only a NameError
            names = {n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
            drop = names <= bound or any(isinstance(t, ast.Subscript | ast.Attribute) for t in node.targets)
            bound |= names
        if drop:
            yield self.put(node, "dropped", "pass")

    def expression(self, node: Any) -> Iterator[Mutant]:
        text, put = self.text, self.put
        match node:
            case ast.BinOp(left, op, right):
                yield put(node, "operator", f"(({text(left)}) {OPERATOR[type(op)]} ({text(right)}))")
                yield from self.grouping(node)
            case ast.Compare(left, [op], [right]) if type(op) in OPERATOR:
                yield put(node, "comparison", f"(({text(left)}) {OPERATOR[type(op)]} ({text(right)}))")
            case ast.BoolOp(op, values):
                word = " or " if isinstance(op, ast.And) else " and "
                yield put(node, "condition", "(" + word.join(f"({text(v)})" for v in values) + ")")
            case ast.UnaryOp(_, operand):
                yield put(node, "operator", f"({text(operand)})")
            case ast.Constant(value):
                yield from (put(node, "constant", new) for new in other_constants(value, text(node)))
            case ast.Subscript(_, index):
                for place in index.elts if isinstance(index, ast.Tuple) else [index]:
                    if not isinstance(place, ast.Slice | ast.Constant | ast.UnaryOp):
                        yield put(place, "index", f"({text(place)}) + 1")
            case ast.Call():
                yield from self.call(node)
            case ast.If() | ast.IfExp() | ast.While():
                yield put(node.test, "condition", f"(not ({text(node.test)}))")

    def grouping(self, node: ast.BinOp) -> Iterator[Mutant]:
        text, op = self.text, type(node.op)
        if isinstance(inner := node.left, ast.BinOp) and (type(inner.op), op) in REGROUPED:
            q, r = REGROUPED[type(inner.op), op]
            new = f"(({text(inner.left)}) {q} (({text(inner.right)}) {r} ({text(node.right)})))"
            yield self.put(node, "grouping", new)
        if isinstance(inner := node.right, ast.BinOp) and type(inner.op) is op in (ast.Add, ast.Mult):
            q = "+" if op is ast.Add else "*"
            new = f"((({text(node.left)}) {q} ({text(inner.left)})) {q} ({text(inner.right)}))"
            yield self.put(node, "grouping", new)

    def call(self, node: ast.Call) -> Iterator[Mutant]:
        name, args, text = self.text(node.func), node.args, self.text
        if name in WORDS:
            yield self.put(node.func, "operator", WORDS[name])
        if name.endswith("sqrt") and args:
            yield self.put(node, "operator", f"({text(args[0])})")
        if name == "range":
            stop, step = args[min(1, len(args) - 1)], text(args[2]) if len(args) == 3 else "1"
            yield self.put(stop, "index", f"({text(stop)}) - ({step})")
        for a, b in pairwise(args):
            if all(isinstance(n, ast.Name | ast.Attribute) for n in (a, b)) and text(a) != text(b):
                start, end = self.span(a)[0], self.span(b)[1]
                yield Mutant(self.file, a.lineno, "arguments", start, end, f"{text(b)}, {text(a)}")


def other_constants(value: Any, text: str) -> list[str]:
    """What may stand in a constant's place."""
    match value:
        case str():
            return [repr(WORDS[value])] if value in WORDS else []
        case bool():
            return [str(not value)]
        case float():
            return [repr(1.5 * value or 1.0)]
        case int() if text.startswith("0x"):
            return [hex(value ^ 0x100), hex(value ^ 1)]
        case int():
            return [str(value + 1)] if value == 0 else [str(value + 1), str(value - 1)]
    return []
