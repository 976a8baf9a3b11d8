"""Puts what was measured into README.md, between the lines ``<!-- NAME -->`` and ``<!-- end -->``."""

from __future__ import annotations

import re
from typing import Any

from benchmarks import code, end_to_end, threads
from benchmarks.table import HEADER, Row, cells, markdown


def fill(text: str, found: dict[str, Any]) -> str:
    """Return the text with every block that was measured renewed."""
    for name, write in BLOCKS.items():
        if name in found:
            block = f"<!-- {name} -->\n{write(found)}\n<!-- end -->"
            text, count = re.subn(
                rf"<!-- {name} -->\n.*?<!-- end -->", lambda _, b=block: b, text, flags=re.S
            )
            if count != 1:
                raise ValueError(f"README.md: {count} blocks <!-- {name} -->, 1 is needed")
    return text


def _machine(found: dict[str, Any]) -> str:
    m = found["machine"]
    caches = ", ".join(f"{k} {v}" for k, v in m["caches"].items())
    return (
        f"{m['cpu']} (LLVM: {m['llvm_cpu']}; {', '.join(m['flags'])}), {m['cores']} cores, {caches}; "
        f"{m['system']}, "
        f"Python {m['python']}, NumPy {m['numpy']}, Numba {m['numba']}, llvmlite {m['llvmlite']}, "
        f"Brian2 {m['brian2']}, {m['g++']}."
    )


def _table(found: dict[str, Any]) -> str:
    return f"{_when(found['table'])}\n\n" + markdown(
        HEADER, [cells(Row(**r)) for r in found["table"]["rows"]]
    )


def _limits(found: dict[str, Any]) -> str:
    parts = found["limits"]["parts"]
    kinds = list(dict.fromkeys((p["n"], p["precision"]) for p in parts))
    rows = []
    for name in dict.fromkeys(p["part"] for p in parts):
        mine = {(p["n"], p["precision"]): p for p in parts if p["part"] == name}
        binds = {"bandwidth" if p["of_bandwidth"] > p["of_compute"] else "operations" for p in mine.values()}
        rows.append(
            (
                name,
                *(f"{mine[k]['ns']:.3g} ({100 * mine[k]['fraction']:.0f} %)" for k in kinds),
                " or ".join(sorted(binds)),
            )
        )
    header = ("part, ns (share of limit)", *(f"N = {n}, {precision}" for n, precision in kinds), "limit")
    return f"{_when(found['limits'])}\n\n{markdown(header, rows)}"


def _code(found: dict[str, Any]) -> str:
    return f"{_when(found['code'])}\n\n{code.table(found['code'])}"


def _scaling(found: dict[str, Any]) -> str:
    rows = [
        (
            name,
            f"{_count(s['values'][0])} to {_count(s['values'][-1])} {s['unit']}",
            *(f"{s[k]:.2f}" for k in ("slope", "slope_at_end")),
        )
        for name, s in found["scaling"]["series"].items()
    ]
    return f"{_when(found['scaling'])}\n\n" + markdown(("what grows", "range", "slope", "at the end"), rows)


def _threads(found: dict[str, Any]) -> str:
    return f"{_when(found['threads'])}\n\n{threads.describe(found['threads'])}"


def _end_to_end(found: dict[str, Any]) -> str:
    return f"{_when(found['end_to_end'])}\n\n{end_to_end.describe(found['end_to_end'])}"


def _count(x: float) -> str:
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def _startup(found: dict[str, Any]) -> str:
    s = found["startup"]
    imports = ", ".join(f"{k} {1000 * v:.0f}" for k, v in s["imports"].items())
    met = "met" if s["met"] else "not met"
    return (
        f"{_when(s)} {s['wall_s']:.2f} s, {s['cpu_s']:.2f} s of CPU (target {s['target_s']:g} s: {met}). "
        f"Imports, ms: {imports}."
    )


def _memory(found: dict[str, Any]) -> str:
    m = found["memory"]
    rows = [tuple(f"{r[k]:.0f}" for k in ("trials", "simulated", "scored", "file")) for r in m["rows_mb"]]
    header = ("trials", "peak while simulating, MB", "peak with scores, MB", "file, MB")
    return f"{_when(m)}\n\n{markdown(header, rows)}"


def _when(part: dict[str, Any]) -> str:
    load = "" if part["load"] is None else f", load {part['load'][0]:g} when it began"
    return f"{part['date'][:10]}{load}:"


BLOCKS = {
    "machine": _machine,
    "table": _table,
    "limits": _limits,
    "code": _code,
    "scaling": _scaling,
    "threads": _threads,
    "end_to_end": _end_to_end,
    "startup": _startup,
    "memory": _memory,
}
