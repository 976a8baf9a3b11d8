"""A learned signal: the output while it learns, then free, against its target."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.figures.colours import INK, MIDDLE, PALE, VARIANT, channel_colour
from spikewhen.analysis.figures.runs import Group, Runs, Series, Source, pretty, seeds_of
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Drawing, Sheet, points
from spikewhen.analysis.free_run import fit_sinusoid, run_length_ms, target_of
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema

BEFORE_MS, AFTER_MS = 600.0, 1400.0
NUMBERS = {
    "free_frequency_hz": ("frequency", "Hz"),
    "free_amplitude": ("amplitude", ""),
    "free_residual": ("fitted residual", ""),
    "free_rmse": ("RMSE", ""),
}
"""Shown of a sine."""

OTHERS = {
    "free_r": ("r with the target", ""),
    "free_horizon_ms": ("stays with it for", "ms"),
    "free_distribution": ("distance of values", "SD"),
    "free_rmse": ("RMSE", ""),
}
"""Shown of any other signal."""

MAX_LABELS = 4
ROW_MM = 44.0


def _pick(runs: Runs) -> tuple[Group, list[Series]]:
    for group in runs.groups:
        if schema.block("frequency_hz") in group.first or schema.block("signal") in group.first:
            series = [s for s in runs.series([group]) if schema.readout(s.label, "probes", "y") in s.runs[0]]
            if series:
                return group, series[:MAX_LABELS]
    raise InputError("recordings", len(runs), "at least one run of the task signal with its free run")


def caption(source: Source) -> str:
    """Say what the figure shows."""
    group, series = _pick(Runs.of(source))
    return (
        f"A signal learned and produced freely, run {group.first.run_id}. Left: target (dashed) and "
        "output over the switch from learning to the free run (vertical line; only what the file keeps "
        "is shown before it). Middle: the end of the free run with the sinusoid fitted to all of it; a "
        "small error of frequency makes the phase drift, so the fit's frequency, amplitude and residual "
        "(RMS of what is left over the amplitude) judge the output, the plain RMSE does not. Right: "
        "these numbers, mean over seeds and [least, largest] where there are several. Of a target that is "
        "no sine: its correlation with the output, how long the output stays within .4 SD of it, and how far "
        "the distributions of their values are apart. Several channels stand one above the other. "
        f"{seeds_of(series)}."
    )


def draw(source: Source) -> Sheet:
    """Draw the figure."""
    runs = Runs.of(source)
    group, series = _pick(runs)
    sheet = Sheet(DOUBLE_MM, 10 + ROW_MM * len(series), group.recordings)
    for i, s in enumerate(series):
        _row(sheet, runs, s, 9 + ROW_MM * i, "abcdefghijkl"[2 * i : 2 * i + 2])
    return sheet


def panel(ax: Axes, source: Source, label: str | None = None, part: str = "switch") -> Drawing:
    """Draw a free run and its target onto given axes.

    Parameters
    ----------
    ax : matplotlib Axes
    source : recording or result, or several
        Of several runs the first is shown.
    label : str, optional
        Of the readout; the first one if not given.
    part : {"switch", "end"}
        From learning to the free run, or its end with the fitted sinusoid.

    Returns
    -------
    Drawing
        Its artists, and every number drawn.

    Raises
    ------
    InputError
        If no run learned a signal and then ran freely, or there is no such label.
    """
    if part not in ("switch", "end"):
        raise InputError("part", part, "one of switch, end")
    runs = Runs.of(source)
    group, _ = _pick(runs)
    run, drawing = _Free.of(runs.one_series([group], label)), Drawing()
    (_switch if part == "switch" else _end)(drawing, ax, "", run)
    ax.set_ylabel("output y")
    return drawing


class _Free(NamedTuple):
    """The free run of one series' first run."""

    series: Series
    time_ms: np.ndarray  # (T,) from the end of learning
    output: np.ndarray  # (T, K)
    learned_ms: np.ndarray  # (L,) the end of learning, at negative times; empty where it was not kept
    learned: np.ndarray  # (L, K)
    zero_ms: float  # the target's clock at the end of learning

    @classmethod
    def of(cls, s: Series) -> _Free:
        r = s.runs[0]
        t = np.asarray(r[schema.readout(s.label, "time_ms")], float)
        length = run_length_ms(r, t)
        kept, tail = schema.readout(s.label, "trials", "y"), t > length - BEFORE_MS
        free = r[schema.readout(s.label, "probes", "y")][0]
        before, learned = (t[tail] - length, r[kept][-1, tail]) if kept in r else (t[:0], free[:0])
        return cls(s, t, free, before, learned, float(r[schema.probe("after_trial")][0] * length))

    @property
    def frequency(self) -> np.ndarray:
        """Frequencies of the target, Hz; none where it is not made of sines."""
        return self.series.runs[0].arrays.get(schema.block("frequency_hz"), np.zeros(0))

    def target(self, time_ms: np.ndarray) -> np.ndarray:
        """Return the target (T, K) at times from the end of learning."""
        return target_of(self.series.runs[0], self.time_ms, self.zero_ms + time_ms)

    @property
    def lift(self) -> np.ndarray:
        """How far up each channel is drawn, (K,): the first one on top."""
        k = self.output.shape[1]
        target = self.target(self.time_ms)
        return np.arange(k)[::-1] * 1.25 * float(np.ptp(target, axis=0).max() if k > 1 else 0.0)

    def draw(self, on: Drawing, ax: Axes, panel: str, name: str, x, y: np.ndarray, **style: Any) -> None:
        """Draw all channels (T, K) of the output or the target."""
        for k, up in enumerate(self.lift):
            alone = len(self.lift) == 1
            words = name if alone else f"{name} {k + 1}"
            colour = {} if "color" in style else {"color": self.series.colour if alone else channel_colour(k)}
            on.line(ax, panel, words, x, y[:, k] + up, **style, **colour)

    def limits(self, ax: Axes) -> None:
        """Set the axis of values, alike for both parts, with a line at 0."""
        target, lift = self.target(self.time_ms), self.lift
        if lift.size > 1:
            gap = lift[-2]
            ax.set_ylim(target.min() - 0.3 * gap, lift[0] + target.max() + 0.3 * gap)
            ax.set_yticks(lift, [str(k + 1) for k in range(lift.size)])
        else:
            early = self.output[self.time_ms <= AFTER_MS]
            parts = (self.learned, early, self.output[_last(self)], target)
            reach = 1.15 * max(np.abs(part).max(initial=0) for part in parts)
            ax.set_ylim(-reach, reach)
        for up in lift:
            ax.axhline(up, color=PALE, lw=0.5, zorder=0)


DASHED: dict[str, Any] = {"color": INK, "lw": 0.8, "ls": (0, (3, 1.5)), "zorder": 3}


def _switch(on: Drawing, ax: Axes, panel: str, run: _Free) -> None:
    """Draw output and target from the end of learning into the free run."""
    after = run.time_ms <= AFTER_MS
    time = np.concatenate([run.learned_ms, run.time_ms[after]])
    output = np.concatenate([run.learned, run.output[after]])
    run.draw(on, ax, panel, "output", time, output, lw=1.1)
    run.draw(on, ax, panel, "target", time, run.target(time), **DASHED)
    ax.axvline(0, color=MIDDLE, lw=0.6)
    above: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "va": "bottom", "color": MIDDLE}
    on.write(ax, 0, 1.02, " free run", **above)
    if time[0] < 0:
        on.write(ax, 0, 1.02, "learning ", ha="right", **above)
    run.limits(ax)
    ax.set_xlim(time[0], time[-1])
    ax.set_xlabel("time from the end of learning (ms)")


def _last(run: _Free) -> np.ndarray:
    """Return which times are the last three periods of the free run, or its last second."""
    end_ms, period_ms = run.time_ms[-1], 1000.0 / run.frequency.min(initial=np.inf)
    return run.time_ms > end_ms - min(3 * period_ms if period_ms > 0 else 1000.0, end_ms)


def _end(on: Drawing, ax: Axes, panel: str, run: _Free) -> None:
    """Draw the end of the free run, with the sinusoid fitted to all of it."""
    end, frequency = _last(run), run.frequency
    seconds = run.time_ms[end] / 1000
    run.draw(on, ax, panel, "output", seconds, run.output[end], lw=1.1)
    if frequency.size == 1:
        fit = fit_sinusoid(run.output[:, 0], run.time_ms, float(frequency[0]))
        fitted = fit.offset + fit.amplitude * np.sin(2 * np.pi * fit.frequency_hz * seconds + fit.phase_rad)
        on.line(ax, panel, "fit", seconds, fitted, color=VARIANT, lw=0.8)
    run.draw(on, ax, panel, "target", seconds, run.target(run.time_ms[end]), **DASHED)
    run.limits(ax)
    ax.set_xlim(seconds[0], seconds[-1])
    ax.set_xlabel("time of the free run (s)")


def _row(sheet: Sheet, runs: Runs, s: Series, top: float, panels: str) -> None:
    left, middle = sheet.axes(15, top, 68, 28, panels[0]), sheet.axes(92, top, 42, 28, panels[1], 7)
    run = _Free.of(s)
    _switch(sheet, left, panels[0], run)
    _end(sheet, middle, panels[1], run)
    middle.tick_params(labelleft=False)
    left.set_ylabel("output y" if run.lift.size == 1 else "channels of the output")
    _numbers(sheet, runs, s, panels[1], top, run.frequency)


def _numbers(sheet: Sheet, runs: Runs, s: Series, panel: str, top: float, frequency: np.ndarray) -> None:
    left = 138.0
    sheet.text(left, top + 1, pretty(s.label), fontweight="bold", color=INK, va="center")
    for i, (text, colour) in enumerate(
        (("output", s.colour), ("target (dashed)", INK), ("fitted sinusoid", VARIANT))
    ):
        if text != "fitted sinusoid" or frequency.size == 1:
            sheet.text(left, top + 5 + 3 * i, text, color=colour, va="center", fontsize=points(6.5))
    for i, (name, (text, unit)) in enumerate((NUMBERS if frequency.size == 1 else OTHERS).items()):
        values = np.array([float(runs.scores(r, s.label)[name][0]) for r in s.runs])
        known = values[np.isfinite(values)]
        for recording, value in zip(s.runs, values, strict=True):
            sheet.record(panel, text, np.nan, value, recording.run_id)
        shown = "–" if not known.size else f"{known.mean():.3g}"
        if known.size > 1:
            shown += f" [{known.min():.3g}, {known.max():.3g}]"
        sheet.text(
            left, top + 16 + 3.4 * i, f"{text} {shown} {unit}".rstrip(), va="center", fontsize=points(6.5)
        )
