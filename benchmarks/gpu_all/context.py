"""What every row is given: the device, how large things are, the inputs carried along, the seconds left."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from spikewhen.gpu.device import CudaDevice, Device
from spikewhen.gpu.host import HostDevice

ROOT = Path(__file__).resolve().parents[2]


class Sizes(NamedTuple):
    """How large the rows are. Steps are readout steps of 1 ms, ten steps of the network."""

    local: int = 1000  # cells of networks with local rules
    rls: int = 160  # cells with RLS, whose P goes up and down for every hash
    steps: int = 10_000
    between: int = 1000  # from one hash to the next
    rls_steps: int = 2000
    smoke_steps: int = 100
    replicates: tuple[int, ...] = (1, 7, 256)
    life_ms: int = 500
    launches: int = 5
    speed_cells: int = 1000
    batches: tuple[int, ...] = (64, 132, 256, 528)
    many: int = 1024
    some: int = 256
    wide: tuple[int, int] = (20_000, 1000)
    wide_steps: int = 200
    largest: tuple[int, int] = (100_000, 1000)
    seeds: str = "0-15"
    traffic: tuple[int, int] = (2**26, 4096)  # numbers moved, rounds issued


SMALL = Sizes(
    local=40,
    rls=40,
    steps=40,
    between=20,
    rls_steps=20,
    smoke_steps=20,
    replicates=(1, 3),
    life_ms=10,
    launches=1,
    speed_cells=64,
    batches=(2,),
    many=3,
    some=2,
    wide=(400, 20),
    wide_steps=10,
    largest=(800, 20),
    seeds="0-1",
    traffic=(64, 2),
)
"""For a rehearsal where there is no card."""


class Different(Exception):
    """Bits differ. The process is sound and the next row can follow."""


class NotHere(Exception):
    """Something that a row needs is not installed; says what."""


def need_pydantic() -> None:
    """Say that it is missing, where it is: the engine does not need it, but configs and commands do."""
    try:
        import pydantic  # noqa: F401
    except ImportError:
        raise NotHere("pydantic is not installed, and the command needs it") from None


class Context:
    """What every row is given.

    Parameters
    ----------
    sizes : Sizes
    carried : Path
        Folder of inputs and expected hashes made beforehand.
    deadline : float
        As `time.time` counts.
    host : bool
        Whether the kernel's text runs on the host instead of a card.
    """

    def __init__(self, sizes: Sizes, carried: Path, deadline: float, host: bool = False):
        self.sizes, self.carried, self.deadline, self.host = sizes, carried, deadline, host

    @cached_property
    def device(self) -> Device:
        """The device, made when it is first asked for."""
        return HostDevice() if self.host else CudaDevice()

    @property
    def architecture(self) -> str:
        """What NVRTC compiles for."""
        return getattr(self.device, "architecture", "sm_90")

    def seconds_left(self) -> float:
        return self.deadline - time.time()


class Row(NamedTuple):
    """One thing to find out."""

    part: int
    name: str
    seconds: float  # it takes on the card, by estimate; it begins only if so much is left
    run: Callable[[Context], dict[str, Any]]

    @property
    def limit(self) -> float:
        """Seconds after which it counts as hung."""
        return max(60.0, 4 * self.seconds)
