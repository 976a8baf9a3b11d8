"""One run, made ready once: its config and name, its time grid, its session.

Everything that can refuse a value is asked here, before anything is built or written. Commands
list a `Setup` per run, and hand it on to where the run is carried out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikewhen.experiments.checks import refuse_impossible
from spikewhen.experiments.config import Experiment, SeedSpec
from spikewhen.experiments.estimate import parts_of, size_of
from spikewhen.experiments.limits import BOUNDLESS, Limits, of_machine, refuse_beyond
from spikewhen.reservoir.arrays import checked, whole
from spikewhen.reservoir.backends import get_backend
from spikewhen.reservoir.engine import Backend, Engine
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.checkpoint import Checkpoint
from spikewhen.reservoir.files.recording import run_id
from spikewhen.reservoir.files.sinks import Sink
from spikewhen.reservoir.network import build_network, check_delays
from spikewhen.reservoir.network_check import check_network
from spikewhen.reservoir.own_code import load
from spikewhen.reservoir.own_rules import checked_constants
from spikewhen.reservoir.record import RecordSpec
from spikewhen.reservoir.sessions import calling, check_declared, check_samples, check_session
from spikewhen.reservoir.spec import steps
from spikewhen.reservoir.time_grid import make_grid
from spikewhen.reservoir.training import Trainer
from spikewhen.reservoir.types import Network, Session, TimeGrid


@dataclass(frozen=True, eq=False)
class Setup:
    """What decides one run, checked; made by `prepare`.

    Attributes
    ----------
    experiment : Experiment
    seed : int
    config : dict
        The resolved config, plain JSON types.
    run_id : str
        Its hash, and the name of the result file.
    seeds : SeedSpec
        Of network, task and noise.
    grid : TimeGrid
    session : Session
        The plan of the task, drawn once.
    network : Network or None
        Own connectivity and cells in place of ``experiment.network``.
    current : (T, N) ndarray or None
        Own input current in every trial and probe, pA.
    """

    experiment: Experiment
    seed: int
    config: dict[str, Any]
    run_id: str
    seeds: SeedSpec
    grid: TimeGrid
    session: Session
    network: Network | None = None
    current: np.ndarray | None = None

    @property
    def steps(self) -> int:
        """Number of trials and probes."""
        return int(self.session.trials.block.size + self.session.probes.block.size)

    def build(self) -> Network:
        """Return the network: the own one, or the one that the network's seed draws."""
        if self.network is not None:
            return self.network
        session = self.session
        return build_network(
            self.experiment.network, self.seeds.network, session.n_cues, session.n_channels, self.grid.dt_ms
        )

    def load(self, network: Network, backend: str | Backend = "cpu") -> Engine:
        """Load a network on a backend."""
        chosen = get_backend(backend) if isinstance(backend, str) else backend
        return chosen.load(network, self.grid)

    def trainer(
        self,
        network: Network,
        engine: Engine,
        sink: Sink,
        *,
        rules: dict[str, Any] | None = None,
        record: RecordSpec | None = None,
        session: Session | None = None,
        progress: Any = None,
        checkpoint: Checkpoint | None = None,
    ) -> Trainer:
        """Return the loop over the session; `rules`, `record` and `session` in place of the run's own."""
        return Trainer(
            engine,
            network,
            self.grid,
            session or self.session,
            self.experiment.rules if rules is None else rules,
            sink,
            record or self.experiment.record,
            self.experiment.simulation.settle_ms,
            self.current,
            progress,
            checkpoint,
        )

    def __reduce__(self) -> tuple:
        """Prepare again in another process: a task's session need not be picklable."""
        return _prepared_again, (
            self.run_id,
            self.experiment,
            self.seed,
            self.network,
            self.current,
            self.config.get("arrays"),
        )


def prepare(
    experiment: Experiment,
    seed: int = 0,
    *,
    network: Network | None = None,
    current: np.ndarray | None = None,
    arrays: dict[str, str] | None = None,
    limits: Limits | None = None,
) -> Setup:
    """Check an experiment for a seed, and plan its task.

    Parameters
    ----------
    experiment : Experiment
    seed : int
    network, current
        As `Setup` has them.
    arrays : dict, optional
        What the config says of own arrays that are not given here, as in the config of a recording.
    limits : Limits, optional
        What the run may take by its estimate; by default the memory of this machine.

    Raises
    ------
    InputError
        For everything that only shows when grid, task, rules and arrays come together, and for a
        run that takes more than it may.
    """
    limits = of_machine() if limits is None else limits
    if not isinstance(experiment, Experiment):
        raise InputError("experiment", type(experiment).__name__, "an Experiment, as load_config returns it")
    seed = whole("seed", seed)
    seeds = experiment.seeds.resolve(seed)
    grid = make_grid(experiment.simulation, experiment.trace, seeds.noise)
    steps("record.readouts_every_ms", experiment.record.readouts_every_ms, grid.readout_step_ms)
    check_delays(experiment.network, grid.dt_ms)
    known = getattr(experiment.paradigm, "size", None)
    expected = known(grid.readout_step_ms) if callable(known) else None
    if expected is not None:
        refuse_beyond(parts_of(experiment, grid, expected), limits)
    with calling("paradigm.plan"):
        session = experiment.paradigm.plan(seeds.task, grid.readout_step_ms)
    check_session(session, grid.readout_step_ms)
    if expected is None:
        refuse_beyond(parts_of(experiment, grid, size_of(session)), limits)
    check_samples(session, grid.dtype)
    for label, rule in experiment.rules.items():
        checked_constants(label, rule, grid.readout_step_ms, grid.dtype)
    scores = getattr(experiment.paradigm, "scores", "none")
    if ":" in scores:  # a function of a user's that is not there is named before anything is simulated
        load(scores, None, "paradigm.scores")
    check_declared(session, scores)
    refuse_impossible(experiment, session, grid.readout_step_ms)
    if network is not None:
        network = check_network(network, session.n_cues, session.n_channels)
    n = experiment.network.n_neurons if network is None else network.n_neurons
    experiment.record.check_states(n, grid.readout_step_ms, session.time_ms.size)
    if current is not None:
        shape = session.time_ms.size, n
        current = checked("current", current, shape)
        checked("current", current, shape, grid.dtype)  # whether it fits into the precision
    config = experiment.resolved(seed)
    if arrays is None and (network is not None or current is not None):
        arrays = hash_arrays(network, current)
    if arrays is not None:
        config["arrays"] = arrays
    return Setup(experiment, seed, config, run_id(config), seeds, grid, session, network, current)


def _prepared_again(name: str, experiment: Experiment, seed: int, *given: Any) -> Setup:
    network, current, arrays = given
    setup = prepare(experiment, seed, network=network, current=current, arrays=arrays, limits=BOUNDLESS)
    if setup.run_id != name:  # somebody edited the code of a rule or a task meanwhile
        allowed = f"the code that the run was planned with; now it would be {setup.run_id}"
        raise InputError("run", name, allowed)
    return setup


def hash_arrays(network: Network | None, current: np.ndarray | None) -> dict[str, str]:
    """Return what the config says of own arrays: their hash."""
    digest = hashlib.sha256()
    if network is not None:
        for part in (
            *network.cells,
            *network.synapses[:5],
            *network.encoders,
            network.cell_type,
            network.v_start,
        ):
            digest.update(np.ascontiguousarray(part).tobytes())
        digest.update(repr((network.synapses.rise_ms, network.type_names)).encode())
    if current is not None:
        digest.update(np.ascontiguousarray(current, np.float64).tobytes())
    return {"sha256": digest.hexdigest()}
