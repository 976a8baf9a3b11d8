"""What decides a result calls only functions that give the same digits on every processor.

The last digits of NumPy's and the C library's exp, log, power, sine and products of matrices depend on
what the processor can do. `spikewhen.reservoir.elementary` has the functions to use in their place.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECKED = ("reservoir", "gpu", "paradigms")
NUMPY = set(
    # arrays made, cut, put together, sorted, counted
    "arange array asarray ascontiguousarray atleast_1d broadcast_arrays broadcast_to "
    "concatenate count_nonzero diff dtype empty empty_like errstate eye flatnonzero "
    "frombuffer full full_like hstack int32 int64 linspace load ma.isMaskedArray ndim nonzero ones "
    "isin ones_like pad prod repeat roll searchsorted shape size sort stack uint32 uint64 unique "
    "float64 reshape searchsorted tile tril union1d unravel_index vstack where zeros zeros_like "
    # exact, or rounded in one way only
    "abs all any argmax argmin argsort argwhere ceil clip copysign mod divmod floor frexp isfinite "
    "isinf isnan ldexp max maximum multiply.accumulate nan_to_num rint round sqrt "
    # sums and means in an order that is the same everywhere
    "mean sum cumsum bincount add.reduceat "
    # generators
    "random.default_rng".split()
)
MATH = {"factorial", "floor", "isfinite", "prod", "sqrt"}
DRAWN = {"choice", "integers", "permutation", "random", "shuffle"}
"""Methods of a generator that take nothing from the C library and fuse no product with a sum."""


def faults(path: str, source: str) -> list[str]:
    """Return the calls of a file whose digits may depend on the processor."""
    found = []
    for node in ast.walk(ast.parse(source)):
        bad = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = ast.unparse(node.func)
            origin, _, rest = name.partition(".")
            if not all(part.isidentifier() for part in name.split(".")):
                continue  # a method of what another call returned, which is looked at by itself
            if origin in ("np", "numpy") and rest not in NUMPY:
                bad = name
            elif origin == "math" and rest not in MATH:
                bad = name
            elif (origin == "rng" or origin.endswith("_rng")) and rest not in DRAWN:
                bad = name
        elif isinstance(node, ast.BinOp | ast.AugAssign):
            if isinstance(node.op, ast.MatMult):
                bad = "@"
            elif isinstance(node.op, ast.Pow):
                base = node.left if isinstance(node, ast.BinOp) else None
                whole = isinstance(base, ast.Constant) or ast.unparse(base or node.target) == "-1"
                bad = None if whole else f"** in {ast.unparse(node)}"
        elif isinstance(node, ast.ImportFrom) and node.module in ("math", "numpy"):
            bad = f"from {node.module} import"
        if bad:
            found.append(f"{path}:{node.lineno}: {bad}")
    return found


def sources() -> list[str]:
    """Return the Python files that decide results, relative to the root."""
    return sorted(p.relative_to(ROOT).as_posix() for f in CHECKED for p in (ROOT / f).rglob("*.py"))


def test_nothing_depends_on_the_processor():
    assert len(sources()) > 50
    assert [f for path in sources() for f in faults(path, (ROOT / path).read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "source",
    [
        "y = np.exp(x)",
        "y = numpy.sin(x)",
        "y = np.linalg.solve(a, b)",
        "y = np.dot(a, b)",
        "y = math.exp(x)",
        "y = a @ b",
        "y = x**2",
        "x **= 2",
        "from math import exp",
        "z = rng.standard_normal(3)",
        "z = late_rng.uniform(0, 1, 3)",
    ],
)
def test_a_planted_fault_is_found(source):
    assert faults("reservoir/planted.py", source)


@pytest.mark.parametrize("source", ["y = np.sqrt(x)", "n = 2**31", "z = rng.random(3)", "y = exp(x)"])
def test_what_is_allowed_is_let_through(source):
    assert faults("reservoir/planted.py", source) == []
