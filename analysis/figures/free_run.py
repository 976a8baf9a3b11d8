"""A learned signal: the output while it learns, then free, against its target."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.analysis.figures.colours import INK, MIDDLE, PALE, VARIANT
from spikewhen.analysis.figures.runs import Group, Runs, Series, pretty, seeds_of
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Sheet
from spikewhen.analysis.free_run import fit_sinusoid
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording

BEFORE_MS, AFTER_MS = 600.0, 1400.0
NUMBERS = {
    "free_frequency_hz": ("frequency", "Hz"),
    "free_amplitude": ("amplitude", ""),
    "free_residual": ("fitted residual", ""),
    "free_rmse": ("RMSE", ""),
}
MAX_LABELS = 4
ROW_MM = 44.0


def _pick(runs: Runs) -> tuple[Group, list[Series]]:
    for group in runs.groups:
        if schema.block("frequency_hz") in group.first:
            series = [s for s in runs.series([group]) if schema.readout(s.label, "probes", "y") in s.runs[0]]
            if series:
                return group, series[:MAX_LABELS]
    raise InputError("recordings", len(runs), "at least one run of the task signal with its free run")


def caption(recordings: list[Recording]) -> str:
    """Say what the figure shows."""
    group, series = _pick(Runs.of(recordings))
    return (
        f"A signal learned and produced freely, run {group.first.run_id}. Left: target (dashed) and "
        "output over the switch from learning to the free run (vertical line; only what the file keeps "
        "is shown before it). Middle: the end of the free run with the sinusoid fitted to all of it; a "
        "small error of frequency makes the phase drift, so the fit's frequency, amplitude and residual "
        "(RMS of what is left over the amplitude) judge the output, the plain RMSE does not. Right: "
        "these numbers, mean over seeds and [least, largest] where there are several. "
        f"{seeds_of(series)}."
    )


def target_of(recording: Recording, clock_ms: np.ndarray) -> np.ndarray:
    """Return the target at times since learning began."""
    frequency, size = recording[schema.block("frequency_hz")], recording[schema.block("amplitude")]
    return (size * np.sin(2 * np.pi * frequency * clock_ms[:, None] / 1000)).sum(1)


def draw(recordings: list[Recording]) -> Sheet:
    """Draw the figure."""
    runs = Runs.of(recordings)
    group, series = _pick(runs)
    sheet = Sheet(DOUBLE_MM, 10 + ROW_MM * len(series), group.recordings)
    for i, s in enumerate(series):
        _row(sheet, runs, s, 9 + ROW_MM * i, "abcdefghijkl"[2 * i : 2 * i + 2])
    return sheet


def _row(sheet: Sheet, runs: Runs, s: Series, top: float, panels: str) -> None:
    r = s.runs[0]
    t = np.asarray(r[schema.readout(s.label, "time_ms")], float)
    free = r[schema.readout(s.label, "probes", "y")][0, :, 0]
    zero = r[schema.probe("after_trial")][0] * t[-1]
    left, middle = sheet.axes(15, top, 68, 28, panels[0]), sheet.axes(92, top, 42, 28, panels[1], 7)
    after = t <= min(AFTER_MS, t[-1])
    time, output = t[after], free[after]
    if schema.readout(s.label, "trials", "y") in r:
        tail = t > t[-1] - BEFORE_MS
        time = np.concatenate([t[tail] - t[-1], time])
        output = np.concatenate([r[schema.readout(s.label, "trials", "y")][-1, tail, 0], output])
    dashed: dict[str, Any] = dict(color=INK, lw=0.8, ls=(0, (3, 1.5)), zorder=3)
    sheet.line(left, panels[0], "output", time, output, color=s.colour, lw=1.1)
    sheet.line(left, panels[0], "target", time, target_of(r, zero + time), **dashed)
    left.axvline(0, color=MIDDLE, lw=0.6)
    left.text(0, 1.02, " free run", transform=left.get_xaxis_transform(), va="bottom", color=MIDDLE)
    if time[0] < 0:
        left.text(
            0, 1.02, "learning ", transform=left.get_xaxis_transform(), ha="right", va="bottom", color=MIDDLE
        )
    frequency = r[schema.block("frequency_hz")]
    end = t > t[-1] - min(3000.0 / frequency.min(), t[-1])
    sheet.line(middle, panels[1], "output", t[end] / 1000, free[end], color=s.colour, lw=1.1)
    if frequency.size == 1:
        fit = fit_sinusoid(free, t, float(frequency[0]))
        phase = 2 * np.pi * fit.frequency_hz * t[end] / 1000 + fit.phase_rad
        sheet.line(
            middle,
            panels[1],
            "fit",
            t[end] / 1000,
            fit.offset + fit.amplitude * np.sin(phase),
            color=VARIANT,
            lw=0.8,
        )
    sheet.line(middle, panels[1], "target", t[end] / 1000, target_of(r, zero + t[end]), **dashed)
    reach = 1.15 * max(np.abs(output).max(), np.abs(free[end]).max(), np.abs(target_of(r, zero + t)).max())
    for ax in (left, middle):
        ax.set_ylim(-reach, reach)
        ax.axhline(0, color=PALE, lw=0.5, zorder=0)
    middle.tick_params(labelleft=False)
    left.set_xlim(time[0], time[-1])
    middle.set_xlim(t[end][0] / 1000, t[-1] / 1000)
    left.set_ylabel("output y")
    left.set_xlabel("time from the end of learning (ms)")
    middle.set_xlabel("time of the free run (s)")
    _numbers(sheet, runs, s, panels[1], top, frequency)


def _numbers(sheet: Sheet, runs: Runs, s: Series, panel: str, top: float, frequency: np.ndarray) -> None:
    left = 138.0
    sheet.text(left, top + 1, pretty(s.label), fontweight="bold", color=INK, va="center")
    for i, (text, colour) in enumerate(
        (("output", s.colour), ("target (dashed)", INK), ("fitted sinusoid", VARIANT))
    ):
        if text != "fitted sinusoid" or frequency.size == 1:
            sheet.text(left, top + 5 + 3 * i, text, color=colour, va="center", fontsize=6.5)
    for i, (name, (text, unit)) in enumerate(NUMBERS.items()):
        values = np.array([float(runs.scores(r, s.label)[name][0]) for r in s.runs])
        known = values[np.isfinite(values)]
        for recording, value in zip(s.runs, values, strict=True):
            sheet.record(panel, text, np.nan, value, recording.run_id)
        shown = "–" if not known.size else f"{known.mean():.3g}"
        if known.size > 1:
            shown += f" [{known.min():.3g}, {known.max():.3g}]"
        sheet.text(left, top + 16 + 3.4 * i, f"{text} {shown} {unit}".rstrip(), va="center", fontsize=6.5)
