"""The table: every row is measured here."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from benchmarks import sine
from benchmarks.clock import Run, cores, in_turns, say
from benchmarks.loop import PlainLoop
from benchmarks.meet import Meet, wall_per_run
from benchmarks.standalone import Standalone
from benchmarks.table import Row, compare

LOOP, BRIAN, REAL_TIME = "plain Numba loop", "Brian2 C++ standalone", "real time"
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


def measure(rounds: int = 7) -> tuple[list[Row], list[dict]]:
    """Measure all rows; returns them and what every side did."""
    rows: list[Row] = []
    checks: list[dict] = []
    with tempfile.TemporaryDirectory() as folder, cores(1):
        for n, seconds, times in ((1000, 4.0, rounds), (2000, 2.0, rounds)):
            rows += _reservoir(n, seconds, times, Path(folder), checks)
        for n, seconds, times in ((1000, 4.0, rounds), (2000, 2.0, rounds), (5000, 1.0, 3)):
            rows += _learning(n, seconds, times, Path(folder), checks)
        rows += _meet(rounds, checks)
    rows.append(_seeds())
    return rows, checks


def _take(
    contestants: dict[str, Callable[[], Run]], work: str, n: int, rounds: int, checks: list[dict]
) -> dict[str, list[float]]:
    say(f"{work}, N = {n}: " + ", ".join(contestants))
    runs = in_turns(contestants, rounds)
    for name, taken in runs.items():
        last = taken[-1]
        checks.append({"work": work, "n": n, "who": name, "rate_hz": last.rate_hz, "rmse": last.rmse})
    return {name: [run.cpu_s for run in taken] for name, taken in runs.items()}


def _reservoir(n: int, seconds: float, rounds: int, folder: Path, checks: list[dict]) -> list[Row]:
    net = sine.network(n)
    wanted = sine.target(round(seconds * 1000 / sine.experiment(n).simulation.dt_ms))
    cost = _take(
        {
            "ours float32": sine.Ours(net, seconds, False, "float32"),
            "ours float64": sine.Ours(net, seconds, False, "float64"),
            LOOP: PlainLoop(net, seconds, wanted, False, "float64"),
            BRIAN: Standalone(net, seconds, wanted, False, folder / f"reservoir{n}"),
        },
        RESERVOIR, n, rounds, checks,
    )  # fmt: skip
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
    if n == 2000:
        contestants["ours all float32"] = sine.Ours(net, seconds, True, "float32", "float32")
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
        all32 = cost["ours all float32"]
        rows.append(compare(LEARNS, n, "all float32", all32, BRIAN, cost[BRIAN]))
    return rows


def _meet(rounds: int, checks: list[dict]) -> list[Row]:
    rows = []
    for closed, target in ((False, 100.0), (True, 60.0)):
        work = f"MEET, local rule, {'closed' if closed else 'open'} loop"
        sessions = {f"ours {p}": Meet(1000, 20, p, closed) for p in ("float32", "float64")}
        cost = _take(sessions, work, 1000, rounds, checks)
        for p in ("float32", "float64"):
            ours = cost[f"ours {p}"]
            rows.append(compare(work, 1000, p, ours, REAL_TIME, [1.0] * len(ours), target))
    return rows


def _seeds(rounds: int = 3, trials: int = 100) -> Row:
    say("MEET, 8 seeds on 2 cores against 1 seed on 1 core")
    wall_per_run(2, 2, 2)
    many, one = [], []
    for _ in range(rounds):
        many.append(wall_per_run(8, 2, trials))
        one.append(wall_per_run(1, 1, trials))
    work = "MEET, whole runs, 8 seeds on 2 cores (wall s per run)"
    return compare(work, 1000, "float64", many, "1 seed on 1 core", one, 1.85)


def as_json(rows: list[Row], checks: list[dict]) -> dict:
    """Return what goes into cpu.json."""
    finite = [{k: None if v != v else v for k, v in c.items()} for c in checks]
    return {"rows": [asdict(row) for row in rows], "checks": finite}
