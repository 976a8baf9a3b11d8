"""Figures 1 to 8, from a folder that `spikewhen claims` wrote; nothing here simulates.

A figure is a module with ``CLAIMS``, the claims it shows, ``draw(report) -> Sheet``,
which raises `InputError` where the folder does not hold them, and ``caption(report)``.
"""

from __future__ import annotations

from types import ModuleType

from spikewhen.examples.yamada_chao_2026.figures import (
    calibration,
    factorial,
    geometry,
    learning,
    mechanism,
    single,
    switches,
    task,
)

FIGURES: dict[str, ModuleType] = {
    "figure_1_task": task,
    "figure_2_trial": single,
    "figure_3_learning": learning,
    "figure_4_calibration": calibration,
    "figure_5_switches": switches,
    "figure_6_factorial": factorial,
    "figure_7_geometry": geometry,
    "figure_8_mechanism": mechanism,
}
"""By the name of the file."""
