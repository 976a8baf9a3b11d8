"""What is drawn before a run begins: network, blocks, trials and probes, written and read again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spikewhen.reservoir.files.schema import (
    CELL_TYPE,
    DRIVEN,
    block,
    encoder,
    import_path,
    item,
    neurons,
    probe,
    synapses,
    trial,
)
from spikewhen.reservoir.network_check import check_network
from spikewhen.reservoir.types import Cells, Encoders, Network, Session, Synapses, drive_course, record_steps

if TYPE_CHECKING:
    from spikewhen.reservoir.files.recording import Recording
    from spikewhen.reservoir.files.sinks import Sink

_UNITS = ("pF", "nS/mV", "mV", "mV", "mV", "1/ms", "nS", "mV", "pA", "pA")
_CELL_UNITS = dict(zip(Cells._fields, _UNITS, strict=True))


def write_static(sink: Sink, network: Network, session: Session, onsets_ms: np.ndarray) -> None:
    """Write everything that is drawn before a run begins: network, blocks, trials and probes.

    Parameters
    ----------
    onsets_ms : (n,) ndarray
        Cue onset of every trial on the run's clock.
    """
    for name, array in network.cells._asdict().items():
        sink.put(neurons(name), array, _CELL_UNITS[name])
    sink.put(neurons("v_start"), network.v_start, "mV")
    sink.put(CELL_TYPE, network.cell_type, "1")
    sink.annotate(CELL_TYPE, names=list(network.type_names))
    units = {
        "indptr": "1",
        "target": "1",
        "weight": "pA ms" if network.synapses.rise_ms > 0 else "pA",
        "delay_steps": "dt",
        "decay_ms": "ms",
    }
    for name, unit in units.items():
        sink.put(synapses(name), getattr(network.synapses, name), unit)
    sink.annotate(synapses(), rise_ms=network.synapses.rise_ms)
    for name, array in network.encoders._asdict().items():
        if array.size:
            sink.put(encoder(name), array, "pA")
    if network.encoders.drive.size:
        sink.put(DRIVEN, drive_course(session), "1")
    for name, (array, unit) in session.blocks.items():
        sink.put(block(name), array, unit)
    sink.annotate(
        block(),
        cues=list(session.cues),
        events=list(session.events),
        conditions=list(session.conditions),
        channels=np.asarray(session.channels, np.int64),
        before_steps=int(np.count_nonzero(session.time_ms <= 1e-9)),
        steps=int(session.time_ms.size),
    )
    trial_steps, probe_steps = record_steps(session)
    for name, array in session.trials._asdict().items():
        if name != "interval_ms":
            sink.put(trial(name), array, _unit(name))
    sink.put(trial("onset_ms"), onsets_ms, "ms")
    sink.put(trial("steps"), trial_steps, "1")
    for name, array in session.probes._asdict().items():
        sink.put(probe(name), array, _unit(name))
    for name, array in session.items._asdict().items() if session.items is not None else ():
        sink.put(item(name), array, _unit(name))
    sink.put(probe("steps"), probe_steps, "1")


def write_declared(sink: Sink, task: Any) -> None:
    """Write how the task wants to be scored and drawn, see `spikewhen.paradigms.base.Task`."""
    figures = list(getattr(task, "figures", ()))
    sink.annotate(
        block(), scores=getattr(task, "scores", "none"), figures=figures, task=import_path(type(task))
    )


def _unit(name: str) -> str:
    return "ms" if name.endswith("_ms") else "1"


def read_network(recording: Recording) -> Network:
    """Rebuild the network that `write_static` wrote.

    Raises
    ------
    InputError
        If an array of the file could not be that of a network.
    """
    cell_type, attrs = recording[CELL_TYPE], recording.attrs
    nothing = np.zeros((0, cell_type.size))  # an encoder of no channel is not written
    encoders = {name: encoder(name) for name in Encoders._fields}
    network = Network(
        Cells(*(recording[neurons(name)] for name in Cells._fields)),
        Synapses(
            **{name: recording[synapses(name)] for name in Synapses._fields if name != "rise_ms"},
            rise_ms=attrs[synapses()]["rise_ms"],
        ),
        Encoders(**{k: recording[path] if path in recording else nothing for k, path in encoders.items()}),
        cell_type,
        tuple(attrs[CELL_TYPE]["names"]),
        recording[neurons("v_start")],
    )
    return check_network(network)
