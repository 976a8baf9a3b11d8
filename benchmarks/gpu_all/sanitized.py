"""One short case on the card, against the CPU engine: what a checker of races and memory is run on.

python -m benchmarks.gpu_all.sanitized CASE PRECISION CELLS STEPS
"""

from __future__ import annotations

import sys

from spikewhen.gpu.check import check
from spikewhen.gpu.device import CudaDevice
from spikewhen.gpu.host import HostDevice


def main(name: str, precision: str, n: str, steps: str, device: str = "gpu") -> int:
    """Compare one case; returns the exit status."""
    found = check(
        HostDevice() if device == "host" else CudaDevice(), name, precision, 2, int(n), int(steps), 1
    )
    print(f"{name}, {precision}, N = {n}: {found or 'equal'}")
    return int(bool(found))


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
