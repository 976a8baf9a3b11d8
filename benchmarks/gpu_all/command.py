"""The command `spikewhen`; with --host its GPU is the kernel's text run on the host."""

from __future__ import annotations

import sys

from spikewhen.experiments.cli.app import main
from spikewhen.gpu import backend
from spikewhen.gpu.host import HostDevice

if __name__ == "__main__":
    if "--host" in sys.argv:
        sys.argv.remove("--host")
        backend.CudaDevice = HostDevice  # type: ignore[misc, assignment]
    main()
