"""Belief states and temporal-difference errors of the reward-timing task, in bins of 200 ms.

Two published models. `Chain.starkweather` is that of Starkweather et al. (2017, doi 10.1038/nn.4520):
states 1 to 14 are bins since the odour, 15 is the pause; `td_learning` is their learning rule. `Chain.hennig`
is that of Hennig et al. (2023, doi 10.1371/journal.pcbi.1011067), whose pause begins with ten fixed bins;
`least_squares_td` solves for their values at once. A trial is an odour, nothings, a reward, nothings.

Observations are 0 (nothing), 1 (odour), 2 (reward). A belief is a probability over the states.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

NOTHING, ODOUR, REWARD = 0, 1, 2
DELAYS = np.arange(6, 15)
"""Bins from odour to reward: 1.2 to 2.8 s."""

BIN_S = 0.2


def delay_weights() -> np.ndarray:
    """Return how often each of the nine delays comes: a normal density of mean 2 s and SD .5 s, (9,)."""
    f = np.exp(-0.5 * ((BIN_S * DELAYS - 2.0) / 0.5) ** 2)
    return f / f.sum()


class Chain(NamedTuple):
    """A hidden Markov model: what the animal may be in, and what it then sees."""

    step: np.ndarray  # (3, S, S): probability to go from i to j and to see each observation on the way

    @classmethod
    def starkweather(cls, omission: float, pause_hazard: float = 1 / 65) -> Chain:
        """Return the model of 2017 for a share of omissions; its observations are not normalised."""
        q, weights = omission, delay_weights()
        hazard = weights / (1 - np.cumsum(weights) + weights)
        step = np.zeros((3, 15, 15))
        step[NOTHING, np.arange(5), np.arange(1, 6)] = 1
        for k, h in enumerate(hazard):
            step[REWARD, 5 + k, 14] = h
            if k < 8:
                step[NOTHING, 5 + k, 6 + k] = 1 - h
        out = (1 - q) * pause_hazard
        step[ODOUR, 14, 0] = out
        step[NOTHING, 14, 14] = (1 - out) * (1 - q * pause_hazard)
        step[ODOUR, 14, 14] = (1 - out) * q * pause_hazard
        return cls(step)

    @classmethod
    def hennig(cls, omission: float, pause_hazard: float = 1 / 8, fixed: int = 10) -> Chain:
        """Return the model of 2023: 14 bins since the odour, `fixed` bins of pause, and a last one."""
        q, weights = omission, delay_weights()
        hazard = weights / (1 - np.cumsum(weights) + weights)
        n, pause = 15 + fixed, 14
        step = np.zeros((3, n, n))
        step[NOTHING, np.arange(5), np.arange(1, 6)] = 1
        for k, h in enumerate(hazard):
            step[REWARD, 5 + k, pause] = h
            if k < 8:
                step[NOTHING, 5 + k, 6 + k] = 1 - h
        step[NOTHING, np.arange(pause, n - 1), np.arange(pause + 1, n)] = 1
        step[ODOUR, n - 1, 0] = (1 - q) * pause_hazard
        step[ODOUR, n - 1, pause] = q * pause_hazard
        step[NOTHING, n - 1, n - 1] = 1 - pause_hazard
        return cls(step)

    @property
    def n_states(self) -> int:
        """Number of states."""
        return self.step.shape[1]

    def beliefs(self, seen: np.ndarray) -> np.ndarray:
        """Return the belief after each observation, ``(n, S)``; uniform before the first."""
        out, belief = np.empty((len(seen), self.n_states)), np.full(self.n_states, 1 / self.n_states)
        for t, x in enumerate(seen):
            belief = belief @ self.step[x]
            belief = belief / belief.sum()
            out[t] = belief
        return out

    def exact(self, gamma: float) -> tuple[np.ndarray, np.ndarray]:
        """Return values (S,) and errors (S, S) where every state is known, V = E[r + gamma V'].

        The error of the step from i to j is that with a reward where only a reward leads there.
        """
        move = self.step.sum(0)
        move = move / move.sum(1, keepdims=True)
        paid = self.step[REWARD] > 0
        reward = (move * paid).sum(1)
        value = np.linalg.solve(np.eye(self.n_states) - gamma * move, reward)
        return value, paid + gamma * value[None, :] - value[:, None]


class Trials(NamedTuple):
    """A stream of observations in bins."""

    seen: np.ndarray  # (n,) 0 nothing, 1 odour, 2 reward
    delay: np.ndarray  # (n,) delay in bins where a reward comes, else 0


def draw_trials(
    rng: np.random.Generator,
    n: int,
    omission: float,
    pause_hazard: float = 1 / 65,
    fixed: int = 0,
    after_omission: int | None = None,
) -> Trials:
    """Draw trials whose delays have their published weights.

    Parameters
    ----------
    rng : numpy Generator
    n : int
        Trials.
    omission : float
        Exactly this share of them brings no reward, in random order.
    pause_hazard : float
        Of the odour, per bin of the random part of the pause.
    fixed : int
        Bins of the pause before its random part.
    after_omission : int, optional
        Bins from the odour after which an omission's pause begins; by default that with the odour.
    """
    omitted = np.zeros(n, bool)
    omitted[: round(omission * n)] = True
    rng.shuffle(omitted)
    delays = rng.choice(DELAYS, n, p=delay_weights())
    pauses = fixed + rng.geometric(pause_hazard, n) - 1
    seen, delay = [], []
    for none, d, pause in zip(omitted, delays, pauses, strict=True):
        length = int((after_omission or 0) if none else d) + int(pause)
        one = np.zeros(length + 1, np.int64)
        when = np.zeros(length + 1, np.int64)
        one[0] = ODOUR
        if not none:
            one[d], when[d] = REWARD, d
        seen.append(one)
        delay.append(when)
    return Trials(np.concatenate(seen), np.concatenate(delay))


def td_learning(beliefs: np.ndarray, seen: np.ndarray, alpha: float = 0.1, gamma: float = 0.98) -> np.ndarray:
    """Return the error at each observation while values of the states are learned, ``(n,)``.

    ``delta = r + w (gamma b' - b)``, ``w <- w + alpha delta b``, with b the belief before.
    """
    w = np.zeros(beliefs.shape[1])
    before = np.full(beliefs.shape[1], 1 / beliefs.shape[1])
    out = np.empty(len(seen))
    for t, now in enumerate(beliefs):
        out[t] = (seen[t] == REWARD) + w @ (gamma * now - before)
        w += alpha * out[t] * before
        before = now
    return out


def least_squares_td(features: np.ndarray, seen: np.ndarray, gamma: float) -> np.ndarray:
    """Return the weights w that solve sum phi_t (phi_t - gamma phi_t+1)' w = sum phi_t r_t+1, ``(S + 1,)``.

    Parameters
    ----------
    features : (n, S) ndarray
        A constant is added to them.
    seen : (n,) ndarray
    gamma : float
    """
    phi = np.hstack([features, np.ones((len(features), 1))])
    left = phi[:-1].T @ (phi[:-1] - gamma * phi[1:])
    right = phi[:-1].T @ (seen[1:] == REWARD).astype(float)
    return np.linalg.lstsq(left, right, rcond=None)[0]


def td_errors(features: np.ndarray, seen: np.ndarray, w: np.ndarray, gamma: float) -> np.ndarray:
    """Return the error at every observation but the first, ``(n - 1,)``, with fixed weights."""
    value = features @ w[:-1] + w[-1]
    return (seen[1:] == REWARD) + gamma * value[1:] - value[:-1]


def by_delay(errors: np.ndarray, delay: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the mean error at the reward for each of the nine delays, and its slope per s."""
    mean = np.array([errors[delay == d].mean() for d in DELAYS])
    return mean, float(np.polyfit(BIN_S * DELAYS, mean, 1)[0])


def belief_r2(features: np.ndarray, beliefs: np.ndarray, test: np.ndarray, truth: np.ndarray) -> float:
    """Return how much of the beliefs of one session features explain by a map fitted on another.

    Parameters
    ----------
    features, beliefs : (n, M), (n, S) ndarray
        The session on which the map is fitted, from z-scored features and a constant.
    test, truth : (m, M), (m, S) ndarray
        The session on which it is tested.

    Returns
    -------
    float
        1 minus the squares of what is left over those of the beliefs around their mean.
    """
    mean, sd = features.mean(0), features.std(0)
    sd = np.where(sd > 0, sd, 1.0)

    def design(x):
        return np.hstack([(x - mean) / sd, np.ones((len(x), 1))])

    weights = np.linalg.lstsq(design(features), beliefs, rcond=None)[0]
    left = design(test) @ weights - truth
    return float(1 - (left**2).sum() / ((truth - truth.mean(0)) ** 2).sum())


def echo_state(
    rng: np.random.Generator, seen: np.ndarray, gain: float, units: int = 50, noise: float = 0.05
) -> np.ndarray:
    """Return the activity of an untrained network of gated units (GRU), ``(n, units)``.

    Biases are 0, input weights uniform within sqrt(6 / (units + 2)), each of the three recurrent
    matrices orthogonal times the gain (Hennig et al. 2023); noise is a share of each unit's SD.

    Parameters
    ----------
    rng : numpy Generator
        Draws weights and noise; the same one gives the same network only where it begins alike.
    seen : (n,) ndarray
        The odour and the reward are the two inputs.
    gain : float
    """
    limit = np.sqrt(6 / (units + 2))
    into = rng.uniform(-limit, limit, (3, units, 2))
    inside = np.stack([gain * _orthogonal(rng, units) for _ in range(3)])
    drive = np.einsum("gui,ni->ngu", into, np.stack([seen == ODOUR, seen == REWARD], 1).astype(float))
    h, out = np.zeros(units), np.empty((len(seen), units))
    reset_update, candidate = inside[:2].reshape(2 * units, units), inside[2]
    for t in range(len(seen)):
        gates = 1 / (1 + np.exp(-(drive[t, :2].ravel() + reset_update @ h)))
        r, z = gates[:units], gates[units:]
        new = np.tanh(drive[t, 2] + r * (candidate @ h))
        h = (1 - z) * new + z * h
        out[t] = h
    return out + noise * out.std(0) * rng.standard_normal(out.shape)


def _orthogonal(rng: np.random.Generator, n: int) -> np.ndarray:
    q, r = np.linalg.qr(rng.standard_normal((n, n)))
    return q * np.sign(np.diag(r))
