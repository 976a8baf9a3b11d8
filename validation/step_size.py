"""Step and scheme in a whole network: what they change in rates, irregularity and E. Reported."""

from __future__ import annotations

from spikewhen.validation.findings import CheckResult, Context
from spikewhen.validation.noise import compare_outcomes
from spikewhen.validation.small_meet import measure_all, small_meet

NEEDS_BRIAN2 = False
SETTINGS = (("euler", 0.05), ("euler", 0.025), ("heun", 0.1), ("heun", 0.25))
SEEDS, QUICK_SEEDS = range(400, 416), 4


def run(context: Context) -> list[CheckResult]:
    """Compare steps and schemes with the default."""
    seeds = SEEDS[:QUICK_SEEDS] if context.quick else SEEDS
    default = measure_all(context, "default", [(small_meet(), seed, None) for seed in seeds])
    found = []
    for scheme, dt in SETTINGS[2:3] if context.quick else SETTINGS:
        experiment = small_meet(f"simulation.dt_ms={dt}", f"simulation.scheme={scheme}")
        other = measure_all(context, f"{scheme} {dt}", [(experiment, seed, None) for seed in seeds])
        what = f"{scheme} dt {dt:g} against euler dt .1"
        found += compare_outcomes("step size", what, other, default, judged=False)
    return found
