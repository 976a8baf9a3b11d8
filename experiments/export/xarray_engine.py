"""The engine by which ``xarray.open_dataset`` opens result files; xarray finds it as an entry point."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from xarray.backends import BackendEntrypoint

from spikewhen.experiments.export.xarray import group_dataset, to_xarray
from spikewhen.reservoir.files.integrity import TITLE


class Engine(BackendEntrypoint):
    """Opens a result file, or one group of it, into memory; the file is held against its checksum."""

    description = "Open result files of spikewhen"
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "group")

    def open_dataset(
        self, filename_or_obj: Any, *, drop_variables: str | Iterable[str] | None = None, group: str = ""
    ) -> Any:
        """Return a run as `to_xarray` does, or the arrays of a group such as "/probes"."""
        from spikewhen.experiments.result import open_run

        with open_run(filename_or_obj) as result:
            found = group_dataset(result, group) if group else to_xarray(result)
        drop = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables or ())
        return found.drop_vars(drop, errors="ignore")

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Whether a file begins as result files do."""
        if not isinstance(filename_or_obj, str | os.PathLike) or not os.path.isfile(filename_or_obj):
            return False
        with open(filename_or_obj, "rb") as file:
            return file.read(len(TITLE)) == TITLE
