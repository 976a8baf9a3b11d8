"""The exports as methods of a result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikewhen.experiments.export.pynapple import Pynapple
    from spikewhen.experiments.result import Result


class Exports:
    """Hands a result to other tools; each method needs its library (``pip install 'spikewhen[export]'``)."""

    def to_nwb(self: Result, path: str | Path, **about: Any) -> Path:  # type: ignore[misc]
        """Write units, trials and predictions as a file of Neurodata Without Borders.

        Parameters and errors as `spikewhen.experiments.export.nwb.to_nwb`.
        """
        from spikewhen.experiments.export.nwb import to_nwb

        return to_nwb(self, path, **about)

    def to_neo(self: Result, probes: bool = False) -> Any:  # type: ignore[misc]
        """Return a ``neo.Block``: the training run as a segment, with `probes` one more for each probe.

        Errors as `spikewhen.experiments.export.neo.to_neo`.
        """
        from spikewhen.experiments.export.neo import to_neo

        return to_neo(self, probes)

    def to_pynapple(self: Result) -> Pynapple:  # type: ignore[misc]
        """Return ``spikes``, ``trials`` and ``predictions`` as objects of Pynapple.

        Errors as `spikewhen.experiments.export.pynapple.to_pynapple`.
        """
        from spikewhen.experiments.export.pynapple import to_pynapple

        return to_pynapple(self)

    def to_xarray(self: Result) -> Any:  # type: ignore[misc]
        """Return what the readouts said as an ``xarray.Dataset`` with named dimensions.

        Errors as `spikewhen.experiments.export.xarray.to_xarray`.
        """
        from spikewhen.experiments.export.xarray import to_xarray

        return to_xarray(self)

    def to_sonata(self: Result, path: str | Path) -> Path:  # type: ignore[misc]
        """Write the spikes of the training run as a SONATA file.

        Parameters and errors as `spikewhen.experiments.export.sonata.to_sonata`.
        """
        from spikewhen.experiments.export.sonata import to_sonata

        return to_sonata(self, path)

    def to_frames(self: Result) -> dict[str, Any]:  # type: ignore[misc]
        """Return spikes, cells, trials, probes and scores as pandas tables, by name.

        Errors as `spikewhen.experiments.export.frames.to_frames`.
        """
        from spikewhen.experiments.export.frames import to_frames

        return to_frames(self)
