"""Runs that go on in threads of their own meet at every segment and are carried through it together."""

from __future__ import annotations

import threading
from typing import Any

from spikewhen.gpu.backend import GpuBackend, GpuEngine, run_batch
from spikewhen.gpu.batch import Request
from spikewhen.gpu.rule_text import rule_text
from spikewhen.reservoir.engine import Activity, Readout
from spikewhen.reservoir.types import Network, State, Teaching, TimeGrid, Trials


class Lockstep:
    """A backend for a known number of runs, each in a thread of its own.

    When every run that is still going has asked for a segment, the last to ask
    carries all of them through it, in one batch per kind. No result depends on who meets whom.

    Parameters
    ----------
    backend : GpuBackend
    runs : int
        How many there are. Each must `leave` in the end, whatever happens.
    """

    name = "gpu"

    def __init__(self, backend: GpuBackend, runs: int):
        self._backend, self._runs = backend, runs
        self._turn = threading.Condition()
        self._waiting: list[_Ticket] = []

    def load(self, network: Network, grid: TimeGrid) -> _Member:
        """Load a network; its engine's `run` waits for the others."""
        return _Member(self, self._backend.load(network, grid))

    def leave(self) -> None:
        """Announce that a run is over, so that the others do not wait for it."""
        with self._turn:
            self._runs -= 1
            self._go_if_complete()

    def ask(self, engine: GpuEngine, request: Request) -> Activity:
        """Ask for a segment and wait until it is done."""
        ticket = _Ticket(engine, request)
        with self._turn:
            self._waiting.append(ticket)
            self._go_if_complete()
            while ticket.result is None:
                self._turn.wait()
        if isinstance(ticket.result, BaseException):
            raise ticket.result
        return ticket.result

    def _go_if_complete(self) -> None:
        if not self._waiting or len(self._waiting) < self._runs:
            return
        kinds: dict[Any, list[_Ticket]] = {}
        for ticket in self._waiting:
            try:
                kinds.setdefault(ticket.kind(), []).append(ticket)
            except Exception as error:  # a rule without a device text concerns its own run
                ticket.result = error
        self._waiting = []
        for tickets in kinds.values():
            try:
                found: list = run_batch([t.engine for t in tickets], [t.request for t in tickets])
            except BaseException as error:
                found = [error] * len(tickets)
            for ticket, result in zip(tickets, found, strict=True):
                ticket.result = result
        self._turn.notify_all()


class _Ticket:
    """One run's request for a segment, and the activity or the error that answers it."""

    def __init__(self, engine: GpuEngine, request: Request):
        self.engine, self.request = engine, request
        self.result: Activity | BaseException | None = None

    def kind(self) -> tuple:
        """Return a key that is equal for requests that can go into one batch."""
        rules = [rule_text(r) for r in self.request.readouts]
        variant = self.engine.variant(rules, bool(len(self.request.trials.current)))
        return variant, tuple(rules), self.request.trials.learn


class _Member:
    """The engine that one run sees; its `run` waits for all the others."""

    def __init__(self, lockstep: Lockstep, engine: GpuEngine):
        self._lockstep, self._engine = lockstep, engine

    def start(self) -> State:
        """Return the state at time zero."""
        return self._engine.start()

    def run(
        self, state: State, trials: Trials, readouts: list[Readout], teaching: list[Teaching]
    ) -> Activity:
        """Advance state and readouts in place, together with the other runs."""
        return self._lockstep.ask(self._engine, Request(state, trials, readouts, teaching))
