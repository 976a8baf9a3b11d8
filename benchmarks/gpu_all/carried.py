"""Networks, and hashes of what the CPU engine makes of them, made beforehand and carried to the card.

``make gpu-expected`` writes them with the pinned versions. What NumPy's generators
draw may change with its version, so the networks themselves are carried, and a
digest of the trials.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu_all.contents import contents_on_cpu
from benchmarks.gpu_all.context import ROOT, SMALL, Sizes
from spikewhen.gpu.check import CASES, Case, follow, run_on_cpu
from spikewhen.gpu.workload import grid_of, network_of, taught, trials_of
from spikewhen.reservoir.cpu.engine import CpuEngine
from spikewhen.reservoir.rules import RLS
from spikewhen.reservoir.types import Cells, Encoders, Network, Synapses, TimeGrid

FOLDER = ROOT / "results" / "gpu-expected"
PRECISIONS = ("float32", "float64")
KEPT = 2
"""Replicates of each case whose networks and hashes are carried."""
NESTED = {"cells": Cells, "synapses": Synapses, "encoders": Encoders}


def cells_of(case: Case, sizes: Sizes) -> int:
    """Return the size of a case's networks."""
    return sizes.rls if any(isinstance(rule, RLS) for rule in case.rules) else sizes.local


def key_of(case: Case, sizes: Sizes, seed: int) -> str:
    """Name a network by what it is drawn from."""
    return json.dumps([cells_of(case, sizes), case.network, seed], sort_keys=True)


def pack(network: Network) -> dict[str, np.ndarray]:
    """Return a network's arrays by name."""
    arrays = {}
    for name, value in network._asdict().items():
        nested = value._asdict() if name in NESTED else {"": value}
        arrays |= {f"{name}.{field}": np.asarray(array) for field, array in nested.items()}
    return arrays


def unpack(arrays: dict[str, np.ndarray]) -> Network:
    """Make a network of its arrays."""
    fields: dict[str, Any] = {
        name: kind(**{field: arrays[f"{name}.{field}"] for field in kind._fields})
        for name, kind in NESTED.items()
    }
    fields["synapses"] = fields["synapses"]._replace(rise_ms=float(fields["synapses"].rise_ms))
    return Network(
        **fields,
        cell_type=arrays["cell_type."],
        type_names=tuple(map(str, arrays["type_names."])),
        v_start=arrays["v_start."],
    )


def grid_for(case: Case, precision: str, seed: int) -> TimeGrid:
    """Return the grid of one replicate."""
    return grid_of(precision, 1000 + seed, case.trace, **case.simulation)


def digest_of_inputs(case: Case, precision: str, n: int, steps: int) -> str:
    """Digest the trials and lessons of the replicates whose hashes are carried."""
    digest = hashlib.blake2b(digest_size=12)
    for seed in range(KEPT):
        grid = grid_for(case, precision, seed)
        trials = trials_of(grid, n, steps, seed)
        for array in (trials.inputs, trials.trial_end, trials.outcome):
            digest.update(array.tobytes())
        for lesson in taught(case.rules, n, grid, trials)[1]:
            for array in lesson:
                digest.update(array.tobytes())
    return digest.hexdigest()


class Carried:
    """What was carried along; empty where nothing was."""

    def __init__(self, folder: Path):
        self.expected: dict[str, Any] = {}
        self.networks: dict[str, Network] = {}
        if (folder / "expected.json").exists():
            self.expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
            with np.load(folder / "networks.npz") as file:
                for at, key in enumerate(self.expected["networks"]):
                    head = f"{at}/"
                    arrays = {k.removeprefix(head): file[k] for k in file.files if k.startswith(head)}
                    self.networks[key] = unpack(arrays)

    def network(self, case: Case, sizes: Sizes, seed: int) -> Network:
        """Return a network that was carried, or draw it."""
        found = self.networks.get(key_of(case, sizes, seed))
        return found or network_of(cells_of(case, sizes), seed, **case.network)

    def hashes(self, name: str, precision: str, inputs: str) -> tuple[str, list[list[str]]]:
        """Return why there are none to compare with, or "" and the hashes of each replicate."""
        found = self.expected.get("hashes", {}).get(f"{name}/{precision}")
        if found is None:
            return "none carried", []
        if found["inputs"] != inputs:
            return "this NumPy draws other trials", []
        return "", found["hashes"]


def make(sizes: Sizes, folder: Path) -> None:
    """Draw the networks, run them on the CPU and write both."""
    drawn: dict[str, Network] = {}
    hashes: dict[str, Any] = {}
    for name, case in CASES.items():
        n = cells_of(case, sizes)
        networks = [
            drawn.setdefault(key_of(case, sizes, s), network_of(n, s, **case.network)) for s in range(KEPT)
        ]
        for precision in PRECISIONS:
            engines = [CpuEngine(a, grid_for(case, precision, i)) for i, a in enumerate(networks)]
            hashes[f"{name}/{precision}"] = {
                "inputs": digest_of_inputs(case, precision, n, sizes.steps),
                "hashes": follow(run_on_cpu, engines, case, sizes.steps, sizes.between),
            }
            print(f"{name}, {precision}, N = {n}", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"{i}/{k}": a for i, x in enumerate(drawn.values()) for k, a in pack(x).items()}
    np.savez_compressed(folder / "networks.npz", **arrays)
    expected = {"numpy": np.__version__, "networks": list(drawn), "hashes": hashes}
    path = folder / "expected.json"
    path.write_text(json.dumps(expected, indent=1), encoding="utf-8")
    expected["files"] = contents_on_cpu(sizes.seeds)
    path.write_text(json.dumps(expected, indent=1), encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Make what is carried; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--small", action="store_true", help="for a rehearsal")
    a = parser.parse_args(arguments)
    make(SMALL if a.small else Sizes(), a.out)
    size = sum(p.stat().st_size for p in a.out.iterdir())
    print(f"{a.out}: {size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
