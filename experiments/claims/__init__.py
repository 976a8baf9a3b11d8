"""The claims of the article, each tested on many seeds: one claim, one file."""

from __future__ import annotations

from experiments.claims import learning, timing
from experiments.claims.claim import Claim

CLAIMS: dict[str, Claim] = {c.id: c for c in (learning.CLAIM, timing.CLAIM)}
"""In the order in which they are reported."""
