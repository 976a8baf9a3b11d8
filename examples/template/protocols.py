"""What is run: both rules on the same networks, cues and noise, seed by seed."""

from __future__ import annotations

from spikewhen.experiments.study.protocol import Protocol

SHIPPED = Protocol("shipped", rules=["shipped"])
OWN = Protocol("own", rules=["own"])
