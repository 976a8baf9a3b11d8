"""Mutation testing: plant one fault at a time in a copy of the tree and see whether a test notices.

``make mutants`` (not part of CI: hours for all of them). Each mutant changes one
place: an operator, the grouping of a sum, a constant, an index, a comparison, a
condition, the order of two arguments, or it drops a statement. A process per
mutant is forked from one that has imported Numba, compiles the kernels anew into
a cache of its own, and stops at the first test that fails. Decorators,
annotations and defaults of parameters stay as they are.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path = [p for p in sys.path if Path(p or ".").resolve() not in (ROOT, ROOT / "tests")]

EQUALS = "tests/test_engine.py::test_cpu_equals_the_reference[float64-{}]"
ENGINE = (  # every branch of the kernels once, what fails soonest first
    EQUALS.format("double_delays-open-noise-current"),
    "tests/test_engine.py::test_a_loop_closed_in_every_step_equals_the_reference[float64-bare-double-noise]",
    EQUALS.format("exponential-feedback-held-"),
    *map("tests/test_engine.py::test_{}".format, (
        "a_loop_closed_in_every_step_equals_the_reference[float64-bare_exponential-exponential-quiet]",
        "a_run_continues_from_where_it_stopped[0.0]", "features_equal_their_definition",
        "normalised_features_are_deviations_in_units_of_a_cells_own_fluctuation",
        "traces_equal_an_update_every_step", "the_trace_of_a_silent_cell_becomes_zero",
        "a_current_that_explodes_is_caught_where_it_enters", "a_spike_arrives_after_its_delay",
        "dot_equals_its_definition", "dot_adds_in_the_documented_order",
        "sizes_around_the_lanes_change_nothing[32]",
    )),
    "tests/test_neurons.py",
)  # fmt: skip
RULES = "tests/test_rules.py"
SUITES = {  # the tests that speak for a file
    "reservoir/noise.py": ("tests/test_noise.py", ENGINE[0]),
    "reservoir/rules/force.py": tuple(
        f"{RULES}::test_{name}" for name in (
            "one_pass_over_the_tiles_corrects_and_multiplies_as_defined", "without_a_correction_p_keeps_its_bits",
            "rls_reaches_the_ridge_solution", "rls_updates_every_interval_only",
            "a_reset_returns_p_to_its_start_and_keeps_the_weights", "bad_parameters_are_named",
            "the_compiled_step_equals_the_reference[rls_memory-float64]",
            "the_compiled_step_equals_the_reference[rls_shared-float32]",
            "p_stays_symmetric_and_positive_definite[rls_float32]", "init_gives_zero_weights_first",
            "a_closed_gate_leaves_the_weights_alone[rls-reference]",
        )
    ),
    **dict.fromkeys(
        map("reservoir/{}.py".format, (
            "membrane", "kernels", "reference", "traces", "layout", "lanes", "learning", "derived",
        )), ENGINE,
    ),
    "reservoir/canonical.py": ("tests/test_engine.py", "-k", "dot or subnormal"),
    "reservoir/rules/three_factor.py": (RULES, "-k", "(three_factor_ or consolidat or low_pass or formula) and not off"),
    "reservoir/rules/lms.py": (RULES, "-k", "lms and not off"),
    "reservoir/rules/identity.py": (RULES, "-k", "identity or bad"),
}  # fmt: skip
OPERATOR = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "+", ast.Div: "*", ast.FloorDiv: "*", ast.Mod: "//", ast.Pow: "*",
    ast.RShift: "<<", ast.LShift: ">>", ast.BitAnd: "^", ast.BitOr: "&", ast.BitXor: "&", ast.MatMult: "*",
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
}  # fmt: skip
REGROUPED = {  # (a o b) p c -> a q (b r c)
    (ast.Add, ast.Add): "++", (ast.Add, ast.Sub): "+-", (ast.Sub, ast.Add): "--", (ast.Sub, ast.Sub): "-+",
    (ast.Mult, ast.Mult): "**", (ast.Mult, ast.Div): "*/", (ast.Div, ast.Mult): "//",
}  # fmt: skip
WORDS = {  # what llvmlite calls its operations
    ">=": ">", "fadd": "fsub", "fsub": "fadd", "fmul": "fadd", "fdiv": "fmul", "add": "sub", "sub": "add",
    "mul": "add", "lshr": "ashr", "and_": "or_", "xor": "or_", "max": "min", "min": "max",
}  # fmt: skip


class Mutant(NamedTuple):
    file: str
    line: int
    operator: str
    start: int  # bytes
    end: int
    text: str


def mutants(file: str) -> list[Mutant]:
    """All mutants of a file, in the order of the text."""
    source = (ROOT / file).read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def span(node: Any) -> tuple[int, int]:
        return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset

    def text(node: Any) -> str:
        return source[slice(*span(node))].decode()

    def put(node: Any, operator: str, new: str) -> Mutant:
        return Mutant(file, node.lineno, operator, *span(node), new)

    def expression(node: Any) -> Iterator[Mutant]:
        if isinstance(node, ast.BinOp):
            a, b, o = text(node.left), text(node.right), type(node.op)
            yield put(node, "operator", f"(({a}) {OPERATOR[o]} ({b}))")
            inner = node.left
            if isinstance(inner, ast.BinOp) and (type(inner.op), o) in REGROUPED:
                q, r = REGROUPED[type(inner.op), o]
                yield put(node, "grouping", f"(({text(inner.left)}) {q} (({text(inner.right)}) {r} ({b})))")
            inner = node.right
            if isinstance(inner, ast.BinOp) and type(inner.op) is o in (ast.Add, ast.Mult):
                sign = "+" if o is ast.Add else "*"
                yield put(
                    node, "grouping", f"((({a}) {sign} ({text(inner.left)})) {sign} ({text(inner.right)}))"
                )
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATOR:
            new = f"(({text(node.left)}) {OPERATOR[type(node.ops[0])]} ({text(node.comparators[0])}))"
            yield put(node, "comparison", new)
        elif isinstance(node, ast.BoolOp):
            word = " or " if isinstance(node.op, ast.And) else " and "
            yield put(node, "condition", "(" + word.join(f"({text(v)})" for v in node.values) + ")")
        elif isinstance(node, ast.UnaryOp):
            yield put(node, "operator", f"({text(node.operand)})")
        elif isinstance(node, ast.Constant):
            yield from (put(node, "constant", new) for new in other_constants(node.value, text(node)))
        elif isinstance(node, ast.Subscript):
            places = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            for place in places:
                if not isinstance(place, ast.Slice | ast.Constant | ast.UnaryOp):
                    yield put(place, "index", f"({text(place)}) + 1")
        elif isinstance(node, ast.Call):
            name = text(node.func)
            if name in WORDS:
                yield put(node.func, "operator", WORDS[name])
            if name.endswith("sqrt") and node.args:
                yield put(node, "operator", f"({text(node.args[0])})")
            if name == "range":
                stop = node.args[min(1, len(node.args) - 1)]
                step = text(node.args[2]) if len(node.args) == 3 else "1"
                yield put(stop, "index", f"({text(stop)}) - ({step})")
            for a, b in zip(node.args, node.args[1:], strict=False):
                if all(isinstance(n, ast.Name | ast.Attribute) for n in (a, b)) and text(a) != text(b):
                    new = f"{text(b)}, {text(a)}"
                    yield Mutant(file, a.lineno, "arguments", span(a)[0], span(b)[1], new)
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            yield put(node.test, "condition", f"(not ({text(node.test)}))")

    def statement(node: Any, bound: set[str]) -> Iterator[Mutant]:
        targets = node.targets if isinstance(node, ast.Assign) else []
        names = {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
        again = bool(targets) and (
            names <= bound or any(isinstance(t, ast.Subscript | ast.Attribute) for t in targets)
        )
        bound |= names
        dropped = (ast.AugAssign, ast.Return, ast.Continue, ast.Break, ast.Raise)
        if (
            isinstance(node, dropped)
            or again
            or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
        ):
            yield put(node, "dropped", "pass")

    def walk(node: Any, bound: set[str]) -> Iterator[Mutant]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            inside = {a.arg for a in ast.walk(node) if isinstance(a, ast.arg)}
            for child in node.body:
                yield from walk(child, inside)
            return
        if isinstance(node, ast.AnnAssign):
            node = node.value
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if (
            node is None
            or is_text
            or (isinstance(node, ast.Call) and text(node.func) in ("param", "InputError"))
        ):
            return
        yield from statement(node, bound)
        yield from expression(node)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, bound)

    found = {m[3:]: m for child in ast.parse(source).body for m in walk(child, set())}
    return sorted(found.values(), key=lambda m: (m.start, m.end, m.text))


def other_constants(value: Any, text: str) -> list[str]:
    """What may stand in a constant's place."""
    if isinstance(value, str):
        return [repr(WORDS[value])] if value in WORDS else []
    if isinstance(value, bool):
        return [str(not value)]
    if isinstance(value, float):
        return [repr(1.5 * value or 1.0)]
    if not isinstance(value, int):
        return []
    if text.startswith("0x"):
        return [hex(value ^ 0x100), hex(value ^ 1)]
    return [str(value + 1)] if value == 0 else [str(value + 1), str(value - 1)]


def copy_tree(to: Path) -> None:
    """Copy what git tracks."""
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    for name in filter(None, names.split("\0")):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, to / name)


def run_tests(tree: Path, tests: tuple[str, ...], limit_s: float) -> tuple[str, str]:
    """Run tests in a fork of this process; returns how it ended and the first failure."""
    log = tree / "mutant.log"
    cache = tempfile.mkdtemp(dir=tree)
    child = os.fork()
    if child == 0:
        try:
            out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(out, 1), os.dup2(out, 2)
            resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30,) * 2)
            os.chdir(tree)
            sys.path.insert(0, str(tree))
            found = find_spec("reservoir")
            assert found and str(found.origin).startswith(str(tree)), found
            numba.config.CACHE_DIR = cache
            code = pytest.main(["-x", "-q", "--tb=short", "-p", "no:cacheprovider", *tests])
        except BaseException as error:
            print(f"E   {error!r}", file=sys.stderr)
            code = 3
        os._exit(int(code))
    end = time.monotonic() + limit_s
    while (status := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "timeout", ""
        time.sleep(0.05)
    shutil.rmtree(cache, ignore_errors=True)
    text = log.read_text(errors="replace")
    if os.WIFSIGNALED(status[1]):
        return "crash", ""
    code = os.waitstatus_to_exitcode(status[1])
    if code == 0:
        return "survived", ""
    why = re.search(r"^E +(.*)", text, re.M)
    where = re.search(r"^(?:FAILED|ERROR) (\S+)", text, re.M)
    by = f"{where[1] if where else code}: {why[1] if why else ''}"
    wrong = code == 1 and why and re.match(r"Failed: |AssertionError|assert |Falsifying", why[1])
    return "killed" if wrong else "error", by[:200]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", default=list(SUITES), metavar="FILE", help=", ".join(SUITES))
    parser.add_argument("--each", type=int, help="mutants per file, drawn with --seed; default all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1e9, help="start no mutant later than this")
    parser.add_argument("--limit", type=float, default=120, help="seconds until a mutant counts as timed out")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "results/mutants.jsonl", help="what is in it is not rerun"
    )
    parser.add_argument("--again", action="store_true", help="rerun the survivors in --out")
    parser.add_argument("--tests", nargs="+", help="pytest's arguments, instead of a file's own tests")
    parser.add_argument("--list", action="store_true", help="print the mutants, run nothing")
    options = parser.parse_args()
    suites = dict.fromkeys(SUITES, tuple(options.tests)) if options.tests else SUITES
    drawn = []
    for file in options.files:
        every = mutants(file)
        random.Random(f"{options.seed} {file}").shuffle(every)
        drawn += [(i, m) for i, m in enumerate(every[: options.each])]
    todo = [m for _, m in sorted(drawn, key=lambda pair: pair[0])]  # a file at a time would starve the last
    if options.list:
        for m in todo:
            print(shown(m))
        print(dict(Counter(m.file for m in todo)))
        return
    options.out.parent.mkdir(parents=True, exist_ok=True)
    done: dict[Mutant, dict] = {}
    for line in options.out.read_text().splitlines() if options.out.exists() else []:
        row = json.loads(line)
        done[Mutant(*row["mutant"])] = row
    end = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory() as folder, options.out.open("a") as results:
        tree = Path(folder)
        copy_tree(tree)
        for tests in {suites[m.file] for m in todo}:
            ended = run_tests(tree, tests, 1800)
            if ended[0] != "survived":
                sys.exit(f"error: without a mutant {' '.join(tests)} ended with {ended}")
        for n, m in enumerate(todo):
            if m in done and not (options.again and done[m]["result"] == "survived"):
                continue
            if time.monotonic() > end:
                break
            source, begin = (ROOT / m.file).read_bytes(), time.monotonic()
            (tree / m.file).write_bytes(source[: m.start] + m.text.encode() + source[m.end :])
            result, by = run_tests(tree, suites[m.file], options.limit)
            (tree / m.file).write_bytes(source)
            done[m] = dict(
                mutant=m, result=result, by=by, seconds=round(time.monotonic() - begin, 1), shown=shown(m)
            )
            results.write(json.dumps(done[m]) + "\n")
            results.flush()
            print(f"{n + 1}/{len(todo)} {result:9}{done[m]['seconds']:6} s  {shown(m)}", flush=True)
    print(table([done[m] for m in todo if m in done]))


def shown(m: Mutant) -> str:
    old = (ROOT / m.file).read_bytes()[m.start : m.end].decode()
    return f"{m.file}:{m.line} {m.operator}: {' '.join(old.split())} -> {' '.join(m.text.split())}"


def table(rows: list[dict]) -> str:
    """A Markdown table of results by file."""
    columns = ("killed", "error", "crash", "timeout", "survived")
    lines = ["| file | mutants | run | " + " | ".join(columns) + " |", "|---" * (3 + len(columns)) + "|"]
    for file in SUITES:
        counts = Counter(row["result"] for row in rows if row["mutant"][0] == file)
        cells = (file, len(mutants(file)), counts.total(), *(counts[c] for c in columns))
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    import h5py  # noqa: F401
    import hypothesis  # noqa: F401
    import numba
    import pytest
    import typer.testing  # noqa: F401

    main()
