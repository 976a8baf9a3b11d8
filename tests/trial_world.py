"""A trial environment with the interface of neurogym's, which needs neither neurogym nor gymnasium."""

from types import SimpleNamespace

import numpy as np


class TwoChoices:
    """One of two noisy lights is brighter; after fixation (action 0) the brighter one is to be chosen."""

    def __init__(self, dt=10, wait=2, sigma=0.1, ignore=0.0):
        self.dt, self.wait, self.sigma, self.ignore = dt, wait, sigma, ignore
        self.action_space = SimpleNamespace(n=3)
        self.seed(0)

    def seed(self, seed):
        self.rng = np.random.RandomState(seed)

    def new_trial(self):
        steps = self.wait + self.rng.randint(3)
        right = 0 if self.rng.rand() < self.ignore else 1 + self.rng.randint(2)
        self.ob = np.zeros((steps + 3, 3), np.float32)
        self.ob[:steps, 0] = 1.0
        self.ob[:, 1:] = self.sigma * self.rng.randn(steps + 3, 2)
        if right:
            self.ob[:steps, right] += 1.0
        self.gt = np.zeros(steps + 3, np.int64)
        self.gt[steps:] = right


class Continuous(TwoChoices):
    """The same, but a position is to be held rather than an action chosen."""

    def __init__(self, **options):
        super().__init__(**options)
        self.action_space = SimpleNamespace(shape=(2,))

    def new_trial(self):
        super().new_trial()
        self.gt = np.stack([self.gt == 1, self.gt == 2], axis=1) * 0.5


class NoTruth(TwoChoices):
    """What is right depends on what was chosen before, so there is no ground truth."""

    def new_trial(self):
        super().new_trial()
        self.gt = None


class Outside(TwoChoices):
    """The ground truth is no action."""

    def new_trial(self):
        super().new_trial()
        self.gt += 3
