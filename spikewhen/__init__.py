"""Spiking networks that learn to predict what comes, when, and how likely.

>>> import spikewhen as sw
>>> experiment = sw.load_config("meet.toml", ("network.n_neurons=300", "network.out_degree=30"))
>>> result = sw.run(experiment, seed=0)
>>> result.scores("local")

Names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from pathlib import Path as _Path
from typing import TYPE_CHECKING, Any

_ROOT = _Path(__file__).resolve().parent.parent
if (_ROOT / "reservoir" / "types.py").is_file() and (_ROOT / "pyproject.toml").is_file():
    __path__.append(str(_ROOT))  # a checkout keeps the packages beside this folder, not inside it

if TYPE_CHECKING:
    from spikewhen.experiments.compare import compare as compare
    from spikewhen.experiments.config import Experiment as Experiment
    from spikewhen.experiments.config import load_config as load_config
    from spikewhen.experiments.figures import figures as figures
    from spikewhen.experiments.long_form import table as table
    from spikewhen.experiments.noise_budget import noise_budget as noise_budget
    from spikewhen.experiments.result import Result as Result
    from spikewhen.experiments.result import open_run as open_run
    from spikewhen.experiments.run import run as run
    from spikewhen.experiments.score import score as score
    from spikewhen.experiments.study.claim import Claim as Claim
    from spikewhen.experiments.study.claim import finding as finding
    from spikewhen.experiments.study.claim import paired as paired
    from spikewhen.experiments.study.protocol import Protocol as Protocol
    from spikewhen.experiments.study.study import Study as Study
    from spikewhen.experiments.sweep import sweep as sweep
    from spikewhen.experiments.train import train as train
    from spikewhen.experiments.tuning.tune import tune as tune
    from spikewhen.paradigms.meet import Meet as Meet
    from spikewhen.paradigms.signal import Signal as Signal
    from spikewhen.reservoir.network import build_network as build_network
    from spikewhen.reservoir.rules import LMS as LMS
    from spikewhen.reservoir.rules import RLS as RLS
    from spikewhen.reservoir.rules import Rule as Rule
    from spikewhen.reservoir.rules import ThreeFactor as ThreeFactor
    from spikewhen.reservoir.spec import param as param

_WHERE = {
    "load_config": "experiments.config",
    "Experiment": "experiments.config",
    "run": "experiments.run",
    "train": "experiments.train",
    "tune": "experiments.tuning.tune",
    "compare": "experiments.compare",
    "sweep": "experiments.sweep",
    "table": "experiments.long_form",
    "figures": "experiments.figures",
    "open_run": "experiments.result",
    "Result": "experiments.result",
    "score": "experiments.score",
    "noise_budget": "experiments.noise_budget",
    "Rule": "reservoir.rules",
    "ThreeFactor": "reservoir.rules",
    "RLS": "reservoir.rules",
    "LMS": "reservoir.rules",
    "param": "reservoir.spec",
    "Meet": "paradigms.meet",
    "Signal": "paradigms.signal",
    "build_network": "reservoir.network",
    "Study": "experiments.study.study",
    "Claim": "experiments.study.claim",
    "Protocol": "experiments.study.protocol",
    "finding": "experiments.study.claim",
    "paired": "experiments.study.claim",
}

__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(_import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version(__name__)
    except metadata.PackageNotFoundError:  # run from the checkout without installing it
        return "not installed"
