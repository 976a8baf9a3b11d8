"""Mutation testing: plant one fault at a time in a copy of the tree and see whether a test notices.

``make mutants``, hours for all of them, so not part of CI; ``MUTANTS="--each 10 reservoir/noise.py"``
draws some. A process per mutant, forked from one that has imported Numba, compiles the kernels into a
cache of its own and stops at the first test that fails. What came out before is read from ``--out``.
"""

from __future__ import annotations

import argparse
import ast
import importlib
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
from importlib.util import find_spec
from pathlib import Path

import h5py  # noqa: F401  (imported once, here, for all forks)
import hypothesis  # noqa: F401
import numba
import pytest
import typer.testing  # noqa: F401
from mutants import ROOT, Mutant, mutants

ENGINE, RULES = "tests/reservoir/test_engine.py", "tests/reservoir/test_rules.py"
KERNELS = (  # every branch of the kernels once, what fails soonest first
    *map(
        f"{ENGINE}::test_{{}}".format,
        (
            "cpu_equals_the_reference[float64-double_delays-open-noise-current]",
            "a_loop_closed_in_every_step_equals_the_reference[float64-bare-double-noise]",
            "cpu_equals_the_reference[float64-exponential-feedback-held-]",
            "a_loop_closed_in_every_step_equals_the_reference[float64-bare_exponential-exponential-quiet]",
            "a_run_continues_from_where_it_stopped[0.0]",
            "features_equal_their_definition",
            "normalised_features_are_deviations_in_units_of_a_cells_own_fluctuation",
            "traces_equal_an_update_every_step",
            "the_trace_of_a_silent_cell_becomes_zero",
            "a_current_that_explodes_is_caught_where_it_enters",
            "a_spike_arrives_after_its_delay",
            "dot_equals_its_definition",
            "dot_adds_in_the_documented_order",
            "sizes_around_the_lanes_change_nothing[100]",
            "rows_of_equal_cells_equal_the_reference[float64-noise]",
            "a_single_channel_fed_back_in_every_step_equals_the_reference",
            "inputs_that_come_together_are_added_in_order",
            "what_another_run_left_of_a_pair_of_draws_is_not_taken_up",
            "every_rule_learns_the_same_in_the_closed_loop[float64-three_factor_consolidation]",
        ),
    ),
    "tests/reservoir/test_neurons.py",
    "tests/reservoir/test_replay.py::test_replayed_features_equal_those_the_engine_computed",
)
LEAST_SQUARES = tuple(
    map(
        f"{RULES}::test_{{}}".format,
        (
            "one_pass_over_the_tiles_corrects_and_multiplies_as_defined",
            "without_a_correction_p_keeps_its_bits",
            "rls_reaches_the_ridge_solution",
            "rls_updates_every_interval_only",
            "a_reset_returns_p_to_its_start_and_keeps_the_weights",
            "after_a_reset_the_compiled_step_still_equals_the_reference",
            "bad_parameters_are_named",
            "the_compiled_step_equals_the_reference[rls_memory-float64]",
            "the_compiled_step_equals_the_reference[rls_shared-float32]",
            "p_stays_symmetric_and_positive_definite[rls_float32]",
            "init_gives_zero_weights_first",
            "a_closed_gate_leaves_the_weights_alone[rls-reference]",
        ),
    )
) + (f"{ENGINE}::test_sizes_around_the_lanes_change_nothing[31]",)
SUITES = {  # the tests that speak for a file
    "reservoir/noise.py": ("tests/reservoir/test_noise.py", KERNELS[0]),
    "reservoir/cpu/noise.py": ("tests/reservoir/test_noise.py", KERNELS[0]),
    "reservoir/rules/rls.py": LEAST_SQUARES,
    "reservoir/tiles.py": LEAST_SQUARES,
    "reservoir/cpu/membrane.py": KERNELS,
    "reservoir/cpu/kernels.py": KERNELS,
    "reservoir/reference.py": KERNELS,
    "reservoir/traces.py": KERNELS,
    "reservoir/cpu/traces.py": KERNELS,
    "reservoir/cpu/layout.py": KERNELS,
    "reservoir/simd.py": ("tests/reservoir/test_simd.py", *KERNELS),
    "reservoir/vector.py": ("tests/reservoir/test_simd.py", *KERNELS),
    "reservoir/cpu/lessons.py": ("tests/reservoir/test_threads.py",),
    "reservoir/cpu/rls_crew.py": ("tests/reservoir/test_threads.py",),
    "reservoir/cpu/readout.py": KERNELS,
    "reservoir/step_constants.py": KERNELS,
    "reservoir/dot.py": (ENGINE, "-k", "dot or subnormal"),
    "reservoir/rules/three_factor.py": (
        RULES,
        "-k",
        "(three_factor_ or consolidat or low_pass or formula) and not off",
    ),
    "reservoir/rules/lms.py": (RULES, "-k", "lms and not off"),
    "reservoir/rules/what.py": (RULES, "-k", "identity or bad"),
}
PLAIN = (
    "reservoir/reference.py",
    "reservoir/traces.py",
    "reservoir/dot.py",
    "reservoir/cpu/layout.py",
    "reservoir/step_constants.py",
)
"""Files whose functions are not compiled."""

RESULTS = ("killed", "error", "crash", "timeout", "survived")
"""Killed: a test saw a wrong result. Error: an exception, one of the compiler's for instance."""


def copy_tree(to: Path) -> None:
    """Copy what git tracks."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, to / name)


def in_kernels(m: Mutant) -> bool:
    """Whether the compiled kernels can differ: not by a function that only Python calls."""
    for node in ast.parse((ROOT / m.file).read_bytes()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.lineno <= m.line <= node.end_lineno:
            return m.file not in PLAIN and "reference" not in node.name
    return True


def run_tests(tree: Path, tests: tuple[str, ...], limit_s: float, kernels: str = "") -> tuple[str, str]:
    """Run tests in a fork of this process; returns how it ended and the first failure.

    `kernels` is a folder that keeps them, for a mutant that is not `in_kernels`.
    """
    log, end = tree / "mutant.log", time.monotonic() + limit_s
    with tempfile.TemporaryDirectory() as cache:
        child = os.fork()
        if child == 0:
            test_in_this_process(tree, tests, log, kernels or cache, bool(kernels))
        while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
            if time.monotonic() > end:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return "timeout", ""
            time.sleep(0.05)
    code = os.waitstatus_to_exitcode(ended[1])
    if code <= 0:
        return "crash" if code else "survived", ""
    text = log.read_text(errors="replace")
    why = re.search(r"^E +(.*)", text, re.M)
    where = re.search(r"^(?:FAILED|ERROR) (\S+)", text, re.M)
    wrong = code == 1 and why and re.match(r"Failed: |AssertionError|assert |Falsifying", why[1])
    by = f"{where[1] if where else f'exit {code}'}: {why[1] if why else ''}"
    return "killed" if wrong else "error", by[:200]


def test_in_this_process(tree: Path, tests: tuple[str, ...], log: Path, cache: str, keep: bool) -> None:
    code = 3
    try:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30,) * 2)
        os.chdir(tree)
        here = (ROOT, ROOT / "tests")
        sys.path[:] = [str(tree)] + [p for p in sys.path if Path(p or ".").resolve() not in here]
        found = find_spec("reservoir")
        if not found or not str(found.origin).startswith(str(tree)):
            raise ImportError(f"the tests would import {found}")
        numba.config.CACHE_DIR = cache
        if keep:
            importlib.import_module("spikewhen.reservoir.compile")._engine_hash = lambda: "without a mutant"
        code = int(pytest.main(["-x", "-q", "--tb=short", "-p", "no:cacheprovider", *tests]))
    except BaseException as error:
        print(f"E   {error!r}", file=sys.stderr, flush=True)
    os._exit(code)


def run(todo: list[Mutant], suites: dict, done: dict[Mutant, dict], options: argparse.Namespace) -> None:
    """Run mutants until the time is over; each result is written at once."""
    end = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory() as folder, options.out.open("a") as results:
        tree, sound = Path(folder) / "tree", set()
        kernels = f"{folder}/kernels"
        copy_tree(tree)
        for n, m in enumerate(todo, 1):
            if m in done and not (options.again and done[m]["result"] in ("survived", "timeout")):
                continue
            if time.monotonic() > end:
                break
            tests = suites[m.file]
            if tests not in sound and (ended := run_tests(tree, tests, 1800, kernels))[0] != "survived":
                sys.exit(f"error: without a mutant {' '.join(tests)} ended with {': '.join(ended)}")
            sound.add(tests)
            begin = time.monotonic()
            (tree / m.file).write_bytes(m.source())
            result, by = run_tests(tree, tests, options.limit, "" if in_kernels(m) else kernels)
            shutil.copy(ROOT / m.file, tree / m.file)
            seconds = round(time.monotonic() - begin, 1)
            done[m] = dict(mutant=m, result=result, by=by, seconds=seconds, shown=str(m))
            results.write(json.dumps(done[m]) + "\n")
            results.flush()
            print(f"{n}/{len(todo)} {result:9}{seconds:6} s  {m}", flush=True)


def table(done: dict[Mutant, dict]) -> str:
    """Results by file, in Markdown."""
    lines = [f"| file | mutants | run | {' | '.join(RESULTS)} |", "|---" * (3 + len(RESULTS)) + "|"]
    for file in SUITES:
        counts = Counter(row["result"] for m, row in done.items() if m.file == file)
        cells = file, len(mutants(file)), counts.total(), *(counts[r] for r in RESULTS)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("files", nargs="*", default=list(SUITES), metavar="FILE", help=", ".join(SUITES))
    add("--each", type=int, help="mutants per file, drawn with --seed; default all")
    add("--seed", type=int, default=0)
    add("--minutes", type=float, default=1e9, help="start no mutant later than this")
    add("--limit", type=float, default=150, help="seconds until a mutant counts as timed out")
    add(
        "--out", type=Path, default=ROOT / "results/mutants.jsonl", help="results; what is in it is not rerun"
    )
    add("--again", action="store_true", help="rerun what survived or timed out")
    add("--tests", nargs="+", help="arguments of pytest, instead of a file's own tests")
    options = parser.parse_args()
    suites = dict.fromkeys(SUITES, tuple(options.tests)) if options.tests else SUITES
    drawn = []
    for file in options.files:
        every = mutants(file)
        random.Random(f"{options.seed} {file}").shuffle(every)
        drawn += enumerate(every[: options.each])
    todo = [m for _, m in sorted(drawn, key=lambda pair: pair[0])]  # all files advance together
    options.out.parent.mkdir(parents=True, exist_ok=True)
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    rows = map(json.loads, lines)
    done = {Mutant(*row["mutant"]): row for row in rows}
    run(todo, suites, done, options)
    print(table(done))


if __name__ == "__main__":
    main()
