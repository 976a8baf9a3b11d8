"""Two claims on a network so small that the command `spikewhen claims` takes seconds."""

import sys

from spikewhen.experiments.study import command
from spikewhen.experiments.study.claim import Claim, Judged, column, finding, paired
from spikewhen.experiments.study.protocol import Protocol
from spikewhen.reservoir.files import schema

FACTOR = 1.0
"""Edited by a test."""


def measure(protocol, recording):
    """Take something that depends on the run and on this file."""
    rate = float(recording.attrs[schema.SPIKES]["rate_hz"])
    return {"rate": FACTOR * rate, "labels": len(recording.labels), "undefined": float("nan"), 3: "key"}


def refuses_a_seed(protocol, recording):
    """Fail on one run."""
    if recording.config["seed"] == 1:
        raise ZeroDivisionError("no event came")
    return measure(protocol, recording)


def judge(measured):
    """Judge what `measure` took."""
    by_protocol = {name: column(runs, "rate") for name, runs in measured.items()}
    first, *others = by_protocol.values()
    findings = [
        finding("rate <i>", first, at_least=0.0, published="1 & 2", unit="Hz"),
        finding("also", first),
    ]
    differences = [paired("difference", first, other, below=0.0) for other in others]
    never = finding("never", column(next(iter(measured.values())), "undefined"), at_most=1.0, median=True)
    return Judged(
        [*findings, *differences, never],
        {"rates": first.tolist()},
        differences[0].p if others else float("nan"),
    )


def make(config, measure=measure):
    """Two claims that share a protocol."""
    base = Protocol("base", config=str(config))
    weak = Protocol("weak", ("network.cue_pa=10.0",), config=str(config))
    return {
        "F1": Claim(
            "F1", "First <script>", "published | as such", (base,), measure, judge, ("a note & more",)
        ),
        "F2": Claim("F2", "Second", "as such", (base, weak), measure, judge),
    }


if __name__ == "__main__":
    command.CLAIMS = make(sys.argv.pop(1))
    from spikewhen.experiments.cli.app import main

    main()
