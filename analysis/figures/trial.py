"""One training trial (or, where none was kept, an early probe) and one probe: input to prediction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from spikewhen.analysis.figures.colours import INK, MIDDLE, PALE, cell_colour, channel_colour, channel_dash
from spikewhen.analysis.figures.names import fit_all
from spikewhen.analysis.figures.runs import Group, Runs, Series, Source
from spikewhen.analysis.figures.sheet import DOUBLE_MM, Drawing, Sheet
from spikewhen.analysis.figures.trial_view import Shown, early_probe, last_probe, traces, training_trial
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording

LEFT_MM, PLOT_MM, GAP_MM = 22.0, 62.0, 10.0
DASHED: dict[str, Any] = {"ls": (0, (3, 1.5)), "lw": 0.7}
TICK_LETTERS, NAME_LETTERS = 15, 20
"""Of names left of the inputs, and in the panels."""
LATE_MS = 200.0
"""Cells are shown that fire after the response to the cue itself."""


def _pick(runs: Runs) -> tuple[Group, Series]:
    spiking = [
        (group, series)
        for group in runs.meet
        for series in runs.series([group])
        if series.runs[0].sliced(schema.spikes("reservoir", "node_ids")).shape[0]
    ]
    if not spiking:
        raise InputError("record.spikes", "none", "some spikes kept, to show a trial")
    return next((found for found in spiking if _keeps_trials(found[1])), spiking[0])


def _keeps_trials(series: Series) -> bool:
    return schema.readout(series.label, "trials", "y") in series.runs[0]


def _left(series: Series) -> Shown:
    return training_trial(series) if _keeps_trials(series) else early_probe(series)


def caption(source: Source) -> str:
    """Say what the figure shows."""
    _, series = _pick(Runs.of(source))
    left, probe = _left(series), last_probe(series)
    training = _keeps_trials(series)
    subset = series.runs[0].attrs[schema.spikes("reservoir")]["subset"]
    return (
        f"{left.name[0].upper()}{left.name[1:]} (left) and {probe.name} (right) of rule "
        f"{series.name}, run {series.runs[0].run_id}. From above: inputs (an open event is told to the "
        "teacher and not injected); spikes of "
        f"{'all neurons' if subset == 'all' else 'the recorded subset'} by cell type; traces of the "
        f"neuron of each type that fires most from {LATE_MS:g} ms on in the probe on the right (filtered "
        "spikes, each in units of its peak, which is written); timing "
        "readouts y"
        + (
            ", with the teacher's s_k of the delivered event dashed (it rises before the event: acausal)"
            if training
            else ""
        )
        + "; prediction z-hat = p-hat y, with the target z* = p s dashed; p-hat beside it."
        + (" During training y learns while it is shown." if training else "")
    )


def draw(source: Source) -> Sheet:
    """Draw the figure."""
    group, series = _pick(Runs.of(source))
    moments = _left(series), last_probe(series)
    deep = 2.8 * (len(group.events) + 1)
    sheet = Sheet(DOUBLE_MM, 134 + deep, series.runs[:1])
    view = _View.of(group, series, moments)
    for column, shown in enumerate(moments):
        left, panel = LEFT_MM + column * (PLOT_MM + GAP_MM), "ab"[column]
        sheet.letter(panel, left - 5 if column else 3, 6)
        sheet.text(left, 6, shown.name, va="baseline")
        aligned = []
        for name, top, height in (
            ("inputs", 9, deep),
            ("spikes", 12 + deep, 44),
            ("traces", 59 + deep, 20),
            ("timing", 82 + deep, 20),
            ("prediction", 105 + deep, 20),
        ):
            ax = sheet.axes(left, top, PLOT_MM, height)
            ROWS[name](sheet, ax, panel, view, shown, first=column == 0, last=column == 1)
            if name != "prediction":
                ax.tick_params(labelbottom=False)
                ax.set_xlabel("")
            if column and name != "spikes":
                ax.tick_params(labelleft=False)
                ax.set_ylabel("")
            if name in ("timing", "prediction", "traces"):
                aligned.append(ax)
        sheet.figure.align_ylabels(aligned)
    return sheet


def panel(
    ax: Axes,
    source: Source,
    label: str | None = None,
    row: str = "prediction",
    moment: str = "probe",
) -> Drawing:
    """Draw one row of the figure onto given axes.

    Parameters
    ----------
    ax : matplotlib Axes
    source : recording or result, or several
        Of several runs the first is shown.
    label : str, optional
        Of the readout; the first one if not given.
    row : {"inputs", "spikes", "traces", "timing", "prediction"}
        The last two are y and z-hat, with what they should be dashed.
    moment : {"probe", "training"}
        The last cue-only probe of the first probed block, or the training trial before it.

    Returns
    -------
    Drawing
        Its artists, and every number drawn.

    Raises
    ------
    InputError
        If the run does not hold what the row shows.
    """
    if row not in ROWS:
        raise InputError("row", row, "one of " + ", ".join(ROWS))
    if moment not in ("probe", "training"):
        raise InputError("moment", moment, "one of probe, training")
    runs = Runs.of(source)
    series = runs.one_series(runs.meet, label)
    group = next(g for g in runs.meet if any(r is series.runs[0] for r in g.recordings))
    if row in ("spikes", "traces") and not series.runs[0][schema.spikes("reservoir", "node_ids")].size:
        raise InputError("record.spikes", "none", "some spikes kept, to show them")
    if moment == "training" and not _keeps_trials(series):
        raise InputError("record.trials", False, "training trials kept, to show one")
    shown = training_trial(series) if moment == "training" else last_probe(series)
    drawing = Drawing()
    ROWS[row](drawing, ax, "", _View.of(group, series, (shown,)), shown, first=True, last=True)
    ax.set_title(shown.name)
    return drawing


class _View(NamedTuple):
    """What all rows and columns of the figure share."""

    group: Group
    series: Series
    time_ms: np.ndarray
    factored: bool
    moments: tuple[Shown, ...]

    @classmethod
    def of(cls, group: Group, series: Series, moments: tuple[Shown, ...]) -> _View:
        r = series.runs[0]
        t = np.asarray(r[schema.readout(series.label, "time_ms")], float)
        return cls(group, series, t, bool(r.attrs[schema.readout(series.label)]["factored"]), moments)

    @property
    def recording(self) -> Recording:
        return self.series.runs[0]

    def limits(self, ax: Axes) -> None:
        """Set the axis of time."""
        t = self.time_ms
        ax.set_xlim(t[0] - (t[1] - t[0]), t[-1])
        ax.axvline(0, color=PALE, lw=0.5, zorder=0)
        ax.set_xlabel("time after cue onset (ms)")


def _inputs(on: Drawing, ax: Axes, panel: str, view: _View, shown: Shown, *, first: bool, last: bool) -> None:
    """Draw when the cue and the event come."""
    view.limits(ax)
    group = view.group
    task = group.config["paradigm"]
    names = [group.cues[shown.cue], *group.events]
    on.bar(ax, panel, f"cue {names[0]}", 0.0, task["cue_ms"], len(names) - 1, 0.7, color=INK)
    if shown.event >= 0:
        injected = task.get("stimulus_drives_reservoir", False)
        colour = channel_colour(shown.event)
        on.bar(
            ax,
            panel,
            f"event {group.events[shown.event]}",
            shown.event_time_ms,
            task["event_ms"],
            len(names) - 2 - shown.event,
            0.7,
            facecolor=colour if injected else "none",
            edgecolor=colour,
        )
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.set_yticks(range(len(names)), fit_all(names, TICK_LETTERS)[::-1] if first else [""] * len(names))
    ax.spines["bottom"].set_visible(False)
    ax.spines["left"].set_visible(False)
    ax.tick_params(length=0)


def _raster(on: Drawing, ax: Axes, panel: str, view: _View, shown: Shown, *, first: bool, last: bool) -> None:
    """Draw the spikes of the recorded cells, by cell type."""
    view.limits(ax)
    r = view.recording
    kind = r[schema.CELL_TYPE]
    names = list(r.attrs[schema.CELL_TYPE]["names"])
    recorded = np.asarray(r.attrs[schema.spikes("reservoir")]["recorded"], np.int64)
    order = recorded[np.argsort(kind[recorded], kind="stable")]
    place = np.full(kind.size, -1)
    place[order] = np.arange(order.size)
    inside = shown.spike_ms > ax.get_xlim()[0]
    t, cell = shown.spike_ms[inside], shown.spike_cell[inside]
    size = float(np.clip(170 / order.size, 0.4, 3))
    beside: dict[str, Any] = {"transform": ax.get_yaxis_transform(), "ha": "right", "va": "center"}
    for i in np.unique(kind[recorded]):
        mine = kind[cell] == i
        style: dict[str, Any] = {"marker": "|", "ms": size + 0.6, "mew": 0.45, "color": cell_colour(names[i])}
        on.line(ax, panel, f"spikes {names[i]}", t[mine], place[cell[mine]], ls="none", **style)
        rows = np.flatnonzero(kind[order] == i)
        if rows[0] > 0:
            ax.axhline(rows[0] - 0.5, color=PALE, lw=0.4)
        if first:
            on.write(ax, -0.02, rows.mean(), names[i], 6.5, color=cell_colour(names[i]), **beside)
    ax.set_ylim(order.size - 0.5, -0.5)
    ax.set_yticks([])
    if first:
        beside["transform"] = ax.transAxes
        on.write(ax, -0.13, 0.5, f"{order.size} neurons", rotation=90, **beside)


def _busiest(view: _View) -> np.ndarray:
    """Return the cell of each type that fires most from `LATE_MS` on in the last moment shown."""
    shown, kind = view.moments[-1], view.recording[schema.CELL_TYPE]
    late, ever = (
        np.bincount(shown.spike_cell[shown.spike_ms > start], minlength=kind.size) for start in (LATE_MS, 0.0)
    )
    fired = late + ever / (1 + ever.max())  # ever: of those that fire equally often later
    return np.array([np.flatnonzero(kind == i)[np.argmax(fired[kind == i])] for i in np.unique(kind)])[::-1]


def _traces(on: Drawing, ax: Axes, panel: str, view: _View, shown: Shown, *, first: bool, last: bool) -> None:
    """Draw the traces of the busiest cell of each type, each in units of its peak."""
    view.limits(ax)
    r, t, cells = view.recording, view.time_ms, _busiest(view)
    decay_ms, rise_ms = (view.group.config["trace"][name] for name in ("decay_ms", "rise_ms"))
    peaks = np.max([traces(m, cells, t, decay_ms, rise_ms).max(1) for m in view.moments], axis=0)
    values = traces(shown, cells, t, decay_ms, rise_ms)
    names = r.attrs[schema.CELL_TYPE]["names"]
    for i, (cell, row, peak) in enumerate(zip(cells, values, peaks, strict=True)):
        colour = MIDDLE if i % 2 else INK
        height = row / peak if peak > 0 else row
        on.line(ax, panel, f"trace of neuron {cell}", t, height + 1.1 * i, color=colour, lw=0.7)
        if last:
            text = f"{names[r[schema.CELL_TYPE][cell]]} {cell}, peak {peak:.2g}"
            on.write(ax, 1.02, 1.1 * i + 0.25, text, 6, transform=ax.get_yaxis_transform(), color=colour)
    ax.set_ylim(-0.05, 1.1 * len(cells))
    ax.set_yticks([])
    ax.set_ylabel("traces")


def _timing(on: Drawing, ax: Axes, panel: str, view: _View, shown: Shown, *, first: bool, last: bool) -> None:
    """Draw y of each event; of a training trial the teacher's s dashed."""
    view.limits(ax)
    ax.axhline(0, color=PALE, lw=0.5, zorder=0)
    for k, name in enumerate(view.group.events):
        style: dict[str, Any] = {"color": channel_colour(k), "lw": 0.9, "ls": channel_dash(k)}
        on.line(ax, panel, f"y {name}", view.time_ms, shown.y[:, k], **style)
        if shown.training and shown.target[:, k].any():
            on.line(ax, panel, f"s {name}", view.time_ms, shown.target[:, k], color=INK, **DASHED)
    top = max(1.0, *(float(m.y.max()) for m in view.moments))
    ax.set_ylim(min(-0.35, *(float(m.y.min()) for m in view.moments)) * 1.05, 1.4 * top)
    ax.set_ylabel("timing y")
    if shown.training and shown.event >= 0:
        place: dict[str, Any] = {"transform": ax.transAxes, "ha": "right", "va": "top"}
        on.write(ax, 0.99, 1.02, "dashed: teacher s(t)", 6.5, **place)
    elif last and not shown.training:
        on.write(ax, 1.02, 0.35, "learning off", 6.5, transform=ax.transAxes)


def _prediction(
    on: Drawing, ax: Axes, panel: str, view: _View, shown: Shown, *, first: bool, last: bool
) -> None:
    """Draw z-hat of each event, with p-hat beside it; of a probe the target z* dashed."""
    view.limits(ax)
    written = fit_all(view.group.events, NAME_LETTERS)
    apart = min(0.14, 0.96 / len(written))
    for k, name in enumerate(view.group.events):
        style: dict[str, Any] = {"color": channel_colour(k), "lw": 0.9, "ls": channel_dash(k)}
        on.line(ax, panel, f"z-hat {name}", view.time_ms, shown.z[:, k], **style)
        if not shown.training and shown.target[:, k].any():
            on.line(ax, panel, f"z* {name}", view.time_ms, shown.target[:, k], color=INK, **DASHED)
        text = rf"{written[k]}: $\hat{{p}}$ = {shown.p_hat[k]:.2f}" if view.factored else written[k]
        on.record(panel, f"p-hat {name}", np.nan, shown.p_hat[k])
        place: dict[str, Any] = {
            "transform": ax.transAxes,
            "ha": "right",
            "va": "top",
            "color": channel_colour(k),
        }
        on.write(ax, 0.99, 0.98 - apart * k, text, 6.5 if apart > 0.13 else 5.5, **place)
    tops = (max(m.z.max(), 0 if m.training else m.target.max()) for m in view.moments)
    ax.set_ylim(0, 1.25 * (float(max(tops)) or 1.0))
    ax.set_ylabel(r"prediction $\hat{z}$")
    if last and not shown.training:
        on.write(ax, 1.02, 0.3, "dashed: target\n$z^* = p\\,s(t)$", 6.5, transform=ax.transAxes)


ROWS: dict[str, Callable[..., None]] = {
    "inputs": _inputs,
    "spikes": _raster,
    "traces": _traces,
    "timing": _timing,
    "prediction": _prediction,
}
"""What the rows of the figure show, from above."""
