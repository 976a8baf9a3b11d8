"""Tune three rules alike, compare them on ten seeds, table and draw what came out.

python -m spikewhen.examples.fair_comparison --dry-run
python -m spikewhen.examples.fair_comparison --engine slurm
"""

from __future__ import annotations

import sys
from pathlib import Path

from spikewhen.experiments.cli.app import main

TUNING = Path(__file__).parent / "tune.toml"
WORDS = ("compare", "--tasks", "meet.toml", "--rules", "local,nlms,rls", "--tuning", str(TUNING))

if __name__ == "__main__":
    out = [] if "--out" in sys.argv else ["--out", "results/fair_comparison"]
    sys.argv[1:] = [*WORDS, *out, *sys.argv[1:]]
    main()
