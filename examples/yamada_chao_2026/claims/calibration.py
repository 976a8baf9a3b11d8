"""C2: the amplitude of the prediction follows probability."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikewhen.analysis.bands import band, jsonable
from spikewhen.analysis.calibration import fit_line
from spikewhen.examples.yamada_chao_2026.claims.rules import local, surprised
from spikewhen.experiments.study.claim import Claim, Judged, Measured, column, finding
from spikewhen.experiments.study.curves import scores_of
from spikewhen.experiments.study.protocol import SHORT, Protocol, blocks, probes
from spikewhen.reservoir.files.recording import Recording

LEVELS = (0.5, 0.9, 0.2, 0.7, 0.0, 0.4, 1.0, 0.1, 0.6, 0.3, 0.8)
"""A scrambled, fixed order, so that no two neighbours follow each other."""

AT = (300, 600)

ELEVEN = Protocol(
    "calibration",
    (blocks(*(((p, 1 - p), AT) for p in LEVELS), trials=100), *probes((100,), 10), *SHORT),
    {"local": local(), "surprise": surprised()},
)
TWO_CUES = Protocol(
    "calibration_two_cues",
    (
        'paradigm.cues=["left", "right"]',
        blocks(*((((p, 1 - p), (1 - p, p)), (AT, AT)) for p in (0.5, 0.9, 0.2, 0.7, 0.0, 0.4)), trials=200),
        *probes((200,), 10),
        *SHORT,
    ),
    {"local": local()},
)
OMISSION = Protocol(
    "calibration_omission",
    (
        blocks(
            *(
                (pair, AT)
                for pair in (
                    (0.4, 0.4),
                    (0.1, 0.7),
                    (0.7, 0.1),
                    (0.3, 0.3),
                    (0.5, 0.1),
                    (0.1, 0.5),
                    (0.8, 0.0),
                    (0.2, 0.6),
                )
            ),
            trials=100,
        ),
        *probes((100,), 10),
        *SHORT,
    ),
    {"local": local()},
)
"""p(A) and p(B) vary on their own; what is missing to 1 is omitted."""

OUTPUTS = ("p_hat", "amplitude", "amplitude_y")
EXCESS = 1.25
"""How far the RMS of p-hat may exceed what a delta rule of its rate has by itself."""


def own_rms(probability, eta_w: float) -> float:
    """Return the RMS about p of a delta rule that averages outcomes at a constant rate.

    Its stationary variance is eta / (2 - eta) p (1 - p). It differs between designs, and so does the
    range of p, which is why one bound on r cannot serve them all: at .04 r would be .985 for 11 levels,
    .983 for two cues and .972 with omissions if p-hat had no other fault.

    Parameters
    ----------
    probability : array
        Every p at which p-hat is looked at.
    eta_w : float
    """
    p = np.asarray(probability, float)
    return float(np.sqrt(eta_w / (2 - eta_w) * np.mean(p * (1 - p))))


def measure(protocol: str, recording: Recording) -> dict[str, Any]:
    """Take p-hat and amplitudes at the end of every block, and what a line fitted to them says."""
    out = {}
    for label in recording.labels:
        scores = scores_of(recording, label)
        p = scores["probability"]  # (points, events): one point per block and cue
        lines = {}
        for name in OUTPUTS:
            every = fit_line(p.ravel(), scores[name].ravel())
            each = fit_line(p.T, scores[name].T)
            lines[name] = {"r": every.r, "slope": every.slope, "r_event": each.r, "slope_event": each.slope}
        out[label] = jsonable(lines | {"probability": p, "values": {n: scores[n] for n in OUTPUTS}})
    return out


def judge(measured: Measured) -> Judged:
    """RMS of p-hat against that of its own rate; per seed r and slope, for product, p-hat and timing."""
    findings = []
    eta_w = local().what.eta_w
    variants = (("11 levels", ELEVEN), ("two cues", TWO_CUES), ("omissions", OMISSION))
    for name, protocol in variants:
        runs = measured[protocol.name]
        p = column(runs, "local", "probability")
        wrong = column(runs, "local", "values", "p_hat") - p
        own = own_rms(p, eta_w)
        findings.append(
            finding(
                f"RMS of p-hat about p over that of a delta rule of its rate ({own:.3f}), {name}",
                np.sqrt(np.mean(wrong**2, axis=(1, 2))) / own,
                at_most=EXCESS,
            )
        )
        for of, output in (("the product", "amplitude"), ("p-hat", "p_hat")):
            findings.append(
                finding(
                    f"r of {of} with p, {name}",
                    column(runs, "local", output, "r"),
                    published=".978 (A), .989 (B)" if protocol is ELEVEN else "",
                )
            )
        slope = column(runs, "local", "p_hat", "slope")
        findings.append(finding(f"slope of p-hat on p, {name}", slope, at_least=0.9, at_most=1.1))
        findings.append(
            finding(
                f"slope of the timing amplitude on p, {name}",
                column(runs, "local", "amplitude_y", "slope"),
            )
        )
    runs = measured[ELEVEN.name]
    for k, event in enumerate("AB"):
        findings.append(
            finding(
                f"r of the product with p({event}), 11 levels",
                column(runs, "local", "amplitude", "r_event")[:, k],
            )
        )
    findings += [
        *(
            finding(
                f"r of {of} with p, 11 levels, surprise-scaled rate", column(runs, "surprise", output, "r")
            )
            for of, output in (("the product", "amplitude"), ("p-hat", "p_hat"))
        ),
    ]
    series: dict[str, Any] = {}
    for name, protocol in variants:
        runs = measured[protocol.name]
        series[name] = {
            "probability": jsonable(column(runs, "local", "probability")[0]),
            **{output: band(column(runs, "local", "values", output)) for output in OUTPUTS},
        }
    return Judged(findings, series)


CLAIM = Claim(
    "C2",
    "Amplitude tracks probability",
    "r = .978 (A), -.989 (B against p(A)), 11 levels",
    (ELEVEN, TWO_CUES, OMISSION),
    measure,
    judge,
)
