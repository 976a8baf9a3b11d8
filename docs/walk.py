"""List the files of the project that a command passes through, in the order in which it first enters them.

    python docs/walk.py run meet.toml --seed 0 --set network.n_neurons=60 --out results/walk

The command runs in this process, after every module has been imported, so that only calls count. The last
line says how many files there are, and how often the walk comes back to a file that it had left.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from spikewhen.experiments.cli.app import main

ROOT = Path(__file__).resolve().parents[1]


def walk(words: Sequence[str], command: Callable[[], object], root: Path = ROOT) -> tuple[list[str], int]:
    """Run a command line.

    Returns
    -------
    files : list of str
        Relative to `root`, in the order of first entry.
    returns : int
        How often a file was entered again after another one.
    """
    files: dict[str, None] = {}
    last, returns = "", 0
    inside = f"{root}/"

    def enter(frame: FrameType, event: str, _: object) -> None:
        nonlocal last, returns
        name = frame.f_code.co_filename
        if event != "call" or not name.startswith(inside) or "/.venv/" in name or name == last:
            return
        last = name
        if name in files:
            returns += 1
        files[name] = None

    saved, sys.argv = sys.argv, ["spikewhen", *words]
    threading.setprofile(enter)  # a run goes on in a thread of its own
    sys.setprofile(enter)
    try:
        command()
    except SystemExit:
        pass
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
        sys.argv = saved
    return [name.removeprefix(inside) for name in files], returns


def import_all() -> None:
    """Import the package, but for the checks that need Brian2 and the examples."""
    for name in ("reservoir", "paradigms", "analysis", "experiments", "gpu"):
        package = importlib.import_module(f"spikewhen.{name}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)


if __name__ == "__main__":
    import_all()
    found, again = walk(sys.argv[1:], main)
    print("\n".join([*found, f"{len(found)} files, {again} returns"]))
