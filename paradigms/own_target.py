"""A target that a user gives as an array, or as a .npy file of one."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from spikewhen.reservoir.errors import InputError

MEANT = "a .npy file, or an array, of finite numbers, (T,) or (T, K)"


class OwnTarget(os.PathLike):
    """An array whose hash is part of a run's name.

    Attributes
    ----------
    values : (R, K) ndarray
        Read-only, float64.
    path : str
        Of the file it came from; "" where it was given as an array.
    sha256 : str
        Of shape and values.
    """

    def __init__(self, values: np.ndarray, path: str = ""):
        self.values, self.path = values, path
        values.flags.writeable = False
        self.sha256 = hashlib.sha256(repr(values.shape).encode() + values.tobytes()).hexdigest()

    @classmethod
    def of(cls, value: Any, where: str = "target") -> OwnTarget:
        """Take an array, or read one from the file of a path.

        Raises
        ------
        InputError
            If it is not an array of finite numbers of one or two dimensions.
        """
        if isinstance(value, OwnTarget):
            return value
        if isinstance(value, dict):
            shown = str(value.get("sha256", value))[:16]
            raise InputError(where, shown, "the array itself, of which a result file names the hash alone")
        path = ""
        if isinstance(value, (str, os.PathLike)):
            path = os.fspath(value)
            value = _read(path, where)
        shown = path or f"{type(value).__name__} of shape {np.shape(value) if _regular(value) else 'unclear'}"
        if np.ma.isMaskedArray(value) or not _regular(value):
            raise InputError(where, shown, MEANT)
        array = np.asarray(value)
        if array.dtype.kind not in "fiu" or array.ndim not in (1, 2) or not array.size:
            raise InputError(where, f"{shown}, {array.dtype}, shape {array.shape}" if path else shown, MEANT)
        values = np.array(array.reshape(len(array), -1), np.float64, order="C")
        bad = np.argwhere(~np.isfinite(values))
        if bad.size:
            at = tuple(map(int, bad[0]))
            raise InputError(f"{where}[{at[0]}, {at[1]}]", float(values[at]), "a finite number")
        return cls(values, path)

    def as_table(self) -> dict[str, Any]:
        """What the config says of it."""
        return {"sha256": self.sha256, "shape": list(self.values.shape)}

    def __fspath__(self) -> str:
        return self.path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OwnTarget) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __repr__(self) -> str:
        return f"OwnTarget({self.path or 'array'}, shape {self.values.shape})"


def _regular(value: Any) -> bool:
    try:
        np.shape(value)
    except ValueError:  # rows of different length
        return False
    return True


def _read(path: str, where: str) -> np.ndarray:
    try:
        if not Path(path).is_file():  # nor a pipe, for which one would wait
            raise InputError(where, path, "an existing .npy file")
        # Mapped, a file that claims more than it holds is refused before anything is allocated.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(where, path, "a .npy file as numpy.save writes it, of numbers") from error
    if not isinstance(array, np.ndarray):
        raise InputError(where, path, MEANT)
    return array
