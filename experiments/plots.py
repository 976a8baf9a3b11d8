"""The shipped figures' panels of one run, drawn onto given axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spikewhen.experiments.result import Result


class Plots:
    """The shipped figures' panels of one run."""

    def __init__(self, result: Result):
        self._result = result

    def trial(self, ax: Axes | None = None, *, label: str | None = None, **options: Any) -> Axes:
        """Draw one row of the figure of a trial, by default the prediction on a probe.

        Options and errors as `spikewhen.analysis.figures.trial.panel`.
        """
        from spikewhen.analysis.figures import trial

        ax = _axes(ax)
        trial.panel(ax, self._result, label, **options)
        return ax

    def learning(self, ax: Axes | None = None, *, label: str | None = None, block: int = 1) -> Axes:
        """Draw how a readout learns a block (from 1), beside what simpler predictors reach.

        Errors as `spikewhen.analysis.figures.learning.panel`.
        """
        from spikewhen.analysis.figures import learning

        ax = _axes(ax)
        learning.panel(ax, self._result, label, block - 1)
        return ax


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots()[1]
