"""The table: every row is measured here."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import sine
from benchmarks.clock import Run, cores, in_turns, say
from benchmarks.loop import PlainLoop
from benchmarks.meet import Meet, wall_per_run
from benchmarks.standalone import Standalone
from benchmarks.table import HEADER, Row, cells, compare, markdown

LOOP, BRIAN, REAL_TIME = "plain Numba loop", "Brian2 C++ standalone", "real time"
ROUNDS = 7
RESERVOIR, LEARNS = "sine, reservoir only", "sine, RLS every 2 ms"


class Missing(Exception):
    """Something a peer needs is not here."""


def check_peers() -> None:
    """Refuse to begin what could not be finished.

    Raises
    ------
    Missing
    """
    if shutil.which("g++") is None:
        raise Missing("g++ not found: Brian2's standalone peer needs it (Debian, Ubuntu: apt install g++)")
    if find_spec("brian2") is None:
        raise Missing("brian2 not found: the peer to compare with (pip install -e '.[dev]')")


def measure() -> dict[str, Any]:
    """Measure all rows, and what every side did: its rate and its error."""
    rows: list[Row] = []
    checks: list[dict] = []
    with tempfile.TemporaryDirectory() as folder, cores(1):
        for n, seconds in ((1000, 4.0), (2000, 2.0)):
            rows += _reservoir(n, seconds, Path(folder), checks)
        for n, seconds, rounds in ((1000, 4.0, ROUNDS), (2000, 2.0, ROUNDS), (5000, 1.0, 3)):
            rows += _learning(n, seconds, rounds, Path(folder), checks)
        rows += _meet(checks)
    rows.append(_seeds())  # not pinned to one core
    return {"rows": [asdict(row) for row in rows], "checks": checks}


def describe(found: dict[str, Any]) -> str:
    """Write it for people."""
    did = [
        (
            c["work"],
            str(c["n"]),
            c["who"],
            f"{c['rate_hz']:.3f}",
            "" if c["rmse"] is None else f"{c['rmse']:.4f}",
        )
        for c in found["checks"]
    ]
    return (
        "CPU seconds per second of biological time on one core; ratio = peer / ours, median of pairs\n\n"
        + markdown(HEADER, [cells(Row(**row)) for row in found["rows"]])
        + "\n\nwhat every side did: mean rate; RMSE of the output over the second half\n\n"
        + markdown(("work", "n", "who", "rate, Hz", "RMSE"), did)
    )


def _take(
    contestants: dict[str, Callable[[], Run]], work: str, n: int, rounds: int, checks: list[dict]
) -> dict[str, list[float]]:
    say(f"{work}, N = {n}: " + ", ".join(contestants))
    runs = in_turns(contestants, rounds)
    for name, taken in runs.items():
        _, rate, rmse = taken[-1]
        error = None if math.isnan(rmse) else rmse
        checks.append({"work": work, "n": n, "who": name, "rate_hz": rate, "rmse": error})
    return {name: [run.cpu_s for run in taken] for name, taken in runs.items()}


def _reservoir(n: int, seconds: float, folder: Path, checks: list[dict]) -> list[Row]:
    net = sine.network(n)
    wanted = sine.target(round(seconds * 1000 / sine.experiment(n).simulation.dt_ms))
    cost = _take(
        {
            "ours float32": sine.Ours(net, seconds, False, "float32"),
            "ours float64": sine.Ours(net, seconds, False, "float64"),
            LOOP: PlainLoop(net, seconds, wanted, False, "float64"),
            BRIAN: Standalone(net, seconds, wanted, False, folder / f"reservoir{n}"),
        },
        RESERVOIR,
        n,
        ROUNDS,
        checks,
    )
    return [
        compare(RESERVOIR, n, precision, cost[f"ours {precision}"], peer, cost[peer], target)
        for precision, peer, target in (
            ("float32", BRIAN, 15.0),
            ("float64", BRIAN, 9.0),
            ("float32", LOOP, 2.5),
            ("float64", LOOP, 1.5),
        )
    ]


def _learning(n: int, seconds: float, rounds: int, folder: Path, checks: list[dict]) -> list[Row]:
    net = sine.network(n)
    wanted = sine.target(round(seconds * 1000 / sine.experiment(n).simulation.dt_ms))
    targets = {
        1000: {"P float32": 7.0},
        2000: {"P float32": 10.0, "P float64": 5.0},
        5000: {"P float32": 5.0},
    }[n]
    contestants: dict[str, Callable[[], Run]] = {
        f"ours {p}": sine.Ours(net, seconds, True, "float64", p.removeprefix("P ")) for p in targets
    }
    if n <= 2000:
        contestants["ours all float32"] = sine.Ours(net, seconds, True, "float32", "float32")
    if n == 2000:
        for p in targets:
            contestants[f"{LOOP}, {p}"] = PlainLoop(net, seconds, wanted, True, p.removeprefix("P "))
    contestants[BRIAN] = Standalone(net, seconds, wanted, True, folder / f"learning{n}")
    cost = _take(contestants, LEARNS, n, rounds, checks)
    rows = [compare(LEARNS, n, p, cost[f"ours {p}"], BRIAN, cost[BRIAN], t) for p, t in targets.items()]
    if n == 2000:
        rows += [
            compare(LEARNS, n, p, cost[f"ours {p}"], f"{LOOP}, {p}", cost[f"{LOOP}, {p}"], 3.0)
            for p in targets
        ]
    if n <= 2000:
        all32 = cost["ours all float32"]
        rows.append(compare(LEARNS, n, "all float32", all32, BRIAN, cost[BRIAN]))
    return rows


HELD = "simulation.noise_hold_ms=0.5"
"""Moves rates, CV and E by less than the margins of docs/validation.md."""


def _meet(checks: list[dict]) -> list[Row]:
    rows = []
    for kind, closed, changes, target in (
        ("open loop", False, (), 100.0),
        ("open loop, noise held .5 ms", False, (HELD,), None),
        ("closed loop", True, (), 60.0),
    ):
        work = f"MEET, local rule, {kind}"
        sessions = {f"ours {p}": Meet(1000, 20, p, closed, *changes) for p in ("float32", "float64")}
        cost = _take(sessions, work, 1000, ROUNDS, checks)
        for p in ("float32", "float64"):
            ours = cost[f"ours {p}"]
            rows.append(compare(work, 1000, p, ours, REAL_TIME, [1.0] * len(ours), target))
    return rows


def _seeds() -> Row:
    say("MEET, 8 seeds on 2 cores against 1 seed on 1 core")
    many, one = [], []
    for _ in range(3):
        many.append(wall_per_run(8, 2))
        one.append(wall_per_run(1, 1))
    work = "MEET, whole runs, 8 seeds on 2 cores (wall s per run)"
    return compare(work, 1000, "float64", many, "1 seed on 1 core", one, 1.85)
