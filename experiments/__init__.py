"""What people run: configs, the command `spikewhen`, and the functions behind it.

`load_config`, `run`, `train` and `Experiment` are the library's front door; they are
imported on first use, so that the command's help appears at once.
"""

from typing import Any

__all__ = ["Experiment", "load_config", "recorded_experiment", "run", "train"]


def __getattr__(name: str) -> Any:
    if name in ("Experiment", "load_config"):
        from spikewhen.experiments import config

        return getattr(config, name)
    if name == "run":
        from spikewhen.experiments.run import run

        return run
    if name in ("recorded_experiment", "train"):
        from spikewhen.experiments import train as trained

        return getattr(trained, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
