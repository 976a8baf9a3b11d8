"""Rules that are told no error: TD(lambda), node perturbation, exploratory Hebb; their noise."""

import numpy as np
import pytest
from lively import follow, make_trainer, short_meet, small_grid

from spikewhen.reservoir.compile import compile_kernel
from spikewhen.reservoir.engine import Readout
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.rules import TD, Gate, NodePerturbation, RewardHebbian, TeachingSignal
from spikewhen.reservoir.rules import node_perturbation as node
from spikewhen.reservoir.rules.exploration import UNIT_SCALE, explore, explore_reference, key_of

ONE_HOT = np.eye(6)[:, :5]  # five states, and a last row of nothing: the end


def walk(states):
    """Return features of a walk through states 0 to 4 that leaves to the right or left, and its rewards."""
    end = 1.0 if states[-1] == 4 else 0.0
    return ONE_HOT[[*states, 5]], np.r_[np.zeros(len(states)), end][:, None]


# temporal differences


@pytest.mark.parametrize(
    ("share", "known"),
    [
        (0.0, (0.5, 0.5, 0.55)),
        (0.5, (0.5125, 0.525, 0.55)),
        (0.9, (0.5405, 0.545, 0.55)),
        (1.0, (0.55, 0.55, 0.55)),
    ],
)
def test_the_first_walk_to_the_right_changes_the_known_values(share, known):
    """Sutton 1988: from .5, C-D-E-right, alpha .1, no discount."""
    trace_ms = {0.0: 0.0, 1.0: 1e300}.get(share) if share in (0, 1) else -1 / np.log(share)
    rule = TD(alpha=0.1, discount_ms=0.0, trace_ms=trace_ms)
    state = rule.init(1, 5, np.float64)
    state.w[:, :5] = 0.5
    x, reward = walk([2, 3, 4])
    follow(rule, state, x, reward, trial_end={3})
    np.testing.assert_allclose(state.w[0, :5], (0.5, 0.5, *known), rtol=0, atol=1e-12)
    assert not state.trace.any() and not state.past.any() and state.running[0] == 0


def test_the_values_of_the_random_walk_are_its_chances():
    """1/6 to 5/6, the chance to leave to the right; the mean over the last two thirds of 600 walks."""
    rng, rule = np.random.default_rng(9), TD(alpha=0.05, discount_ms=0.0, trace_ms=2.0)
    state, seen = rule.init(1, 5, np.float64), []
    state.w[:, :5] = 0.5
    for episode in range(600):
        states = [2]
        while 0 <= (further := states[-1] + rng.choice([-1, 1])) <= 4:
            states.append(int(further))
        right = states[-1] == 4 and further == 5
        x, reward = walk(states)
        follow(rule, state, x, reward * right, trial_end={len(states)})
        if episode >= 200:
            seen.append(state.w[0, :5].copy())
    np.testing.assert_allclose(np.mean(seen, axis=0), np.arange(1, 6) / 6, atol=0.06)


@pytest.mark.parametrize("trace_ms", [0.0, 3.0])
def test_on_a_tapped_delay_line_the_value_is_the_discounted_wait(trace_ms):
    """Taps that decay as traces do; gamma^(steps until the reward), and 0 after it, exactly in the limit."""
    steps, reward_at, gamma = 8, 6, np.exp(-1 / 5)
    lag = np.arange(steps)[:, None] - np.arange(steps)
    x = np.where(lag >= 0, 0.5 ** np.maximum(lag, 0), 0.0)
    reward = 1.0 * (np.arange(steps) == reward_at)[:, None]
    rule = TD(alpha=0.3, discount_ms=5.0, trace_ms=trace_ms)
    state = rule.init(1, steps, np.float64)
    for _ in range(1500):
        follow(rule, state, x, reward, trial_end={steps - 1})
    known = np.where(np.arange(steps) < reward_at, gamma ** (reward_at - 1 - np.arange(steps)), 0.0)
    np.testing.assert_allclose(x @ state.w[0, :steps], known, atol=1e-6)


def test_trials_that_go_on_carry_value_through_the_silence_and_episodes_do_not():
    x, reward = np.eye(4), np.array([0, 0, 0, 1.0])[:, None]
    found = {}
    for episodes in ("trial", "never"):
        rule = TD(alpha=0.2, discount_ms=10.0, trace_ms=0.0, episodes=episodes)
        state = rule.init(1, 4, np.float64)
        for _ in range(600):
            follow(rule, state, x, reward, trial_end={3})
        found[episodes] = state.w[0, :4]
    gamma = np.exp(-0.1)
    np.testing.assert_allclose(found["trial"], [gamma**2, gamma, 1, 0], atol=1e-6)
    np.testing.assert_allclose(
        found["never"], np.array([gamma**2, gamma, 1, gamma**3]) / (1 - gamma**4), atol=1e-4
    )


def test_a_closed_gate_ends_an_episode():
    rule = TD(alpha=0.5, discount_ms=0.0, trace_ms=1e300)
    state = rule.init(1, 5, np.float64)
    gate = np.array([1.0, 1, 0, 1, 1])[:, None]
    follow(rule, state, np.eye(5), np.array([0, 0, 0, 0, 1.0])[:, None], gate)
    np.testing.assert_array_equal(state.w[0, :5], [0, 0, 0, 0.5, 0])


def test_a_reward_is_one_step_of_the_delivered_channel_and_the_gate_is_open_throughout():
    time = np.array([-100.0, 0.0, 100.0, 200.0, 300.0])
    signal = np.random.default_rng(0).random((5, 2))
    for event, at in ((1, 3), (0, 2), (-1, None)):
        lesson = TeachingSignal(time, signal, event, np.array([100.0, 150.0]))
        target, gate = Gate(kind="reward").teach(lesson)
        known = np.zeros((5, 2))
        if at is not None:
            known[at, event] = 1.0
        np.testing.assert_array_equal(target, known)
        assert np.all(gate == 1.0)
    with pytest.raises(InputError, match=r"gate\.kind = 'reward'"):
        Gate(kind="reward").teach(lesson._replace(stop_ms=200.0))


def test_the_gate_between_trials_is_what_was_asked_for():
    rules = {"off": TD(), "on": TD(episodes="never", gate=Gate(kind="reward", between=0.5))}
    trainer = make_trainer(short_meet(), rules)
    lesson = TeachingSignal(trainer.session.time_ms, np.zeros((120, 2)), 0, np.array([40.0, 80.0]))
    for label, level in (("off", 0.0), ("on", 0.5)):
        teaching = trainer._teaching(trainer.readouts[label], 150, [lesson], [slice(30, 150)])
        assert np.all(teaching.gate[:30] == level) and not teaching.target[:30].any()
        assert np.all(teaching.gate[30:] == 1.0) and teaching.target.sum() == 1.0
        assert not trainer._teaching(trainer.readouts[label], 20, [], []).gate.any()


# noise of exploration


def test_the_compiled_noise_is_the_noise_of_the_definition():
    def fill(key, clock, scale, out):
        explore(key, clock, scale, out)

    kernel = compile_kernel(fill, explore)
    for seed in (0, 12345678901, 2**63 - 5):
        for clock in (0, 1, 2**32 - 1, 2**32, 2**40 + 7):
            for n in (1, 2, 4, 5, 9):
                out = np.zeros(n)
                kernel(key_of(seed), clock, 0.5, out)
                np.testing.assert_array_equal(out, 0.5 * explore_reference(key_of(seed), clock, n))


def test_the_noise_has_mean_zero_and_variance_one_and_no_memory():
    drawn = UNIT_SCALE * np.array([explore_reference(key_of(7), t, 5) for t in range(4000)])
    assert np.abs(drawn.mean(axis=0)).max() < 4 / np.sqrt(4000)
    assert np.abs(drawn.var(axis=0) - 1).max() < 0.1
    both = np.hstack([drawn[1:], drawn[:-1]])
    assert np.abs(np.corrcoef(both.T) - np.eye(10)).max() < 4.5 / np.sqrt(4000)


@pytest.mark.parametrize("rule", [NodePerturbation(), RewardHebbian()])
def test_the_noise_is_that_of_the_run_and_of_no_other(rule):
    grid = small_grid()
    a, b, c = (
        Readout(rule, 2, 41, grid._replace(noise_seed=s), label).state.key
        for s, label in ((5, "x"), (5, "y"), (6, "x"))
    )
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


# learning from a reward

ERROR = np.array([0.8, -0.3, 0.5])


def changes(rule, n, error=ERROR, before=None, clock=0):
    """Return the changes of the weights of one feature of size 1 in `n` steps, each from the same state."""
    out, constants = [], rule.constants(1.0, np.float64)
    x, y, gate = np.eye(32)[0], np.zeros(error.size), np.ones(error.size)
    for t in range(n):
        state = rule.init(error.size, 1, np.float64)
        if before is not None:
            before(state)
        rule.reference_step(constants, state, x, y, error, gate, clock + t, False)
        out.append(state.w[:, 0])
    return np.array(out)


def test_node_perturbation_follows_the_gradient_on_average():
    """Over draws, K = 3: mean eta delta x, total variance (K + 1) |delta|^2 + nu^2 K (K + 2) (K + 4) / 4."""
    made = changes(NodePerturbation(eta=1.0, noise=0.1), 4000)
    np.testing.assert_allclose(made.mean(axis=0), ERROR, atol=0.08)
    known = 4 * (ERROR @ ERROR) + 0.01 * 3 * 5 * 7 / 4
    assert known == pytest.approx(4.1825) and made.var(axis=0).sum() == pytest.approx(known, rel=0.12)


def test_node_perturbation_is_the_gradient_exactly_over_all_values_of_the_noise(monkeypatch):
    """One output: the sum over the 121 values with their chances is eta delta x, at any nu."""
    chance = np.ones(1)
    for _ in range(8):
        chance = np.convolve(chance, np.full(16, 1 / 16))
    values = iter(np.arange(-60, 61))
    monkeypatch.setattr(node, "explore_reference", lambda *_: np.array([next(values)]))
    made = changes(NodePerturbation(eta=0.3, noise=0.7), 121, error=np.array([0.4]))[:, 0]
    assert chance @ made == pytest.approx(0.3 * 0.4, rel=1e-12)


@pytest.mark.parametrize(("step", "known"), [(0.1, 0.84), (0.25, 0.75), (0.4, 0.84)])
def test_node_perturbation_contracts_the_error_as_known(step, known):
    """Two outputs, small noise: |delta|^2 times 1 - 2 a + a^2 (K + 2) in a step of a = eta |x|^2."""
    error = np.array([0.8, -0.3])
    made = changes(NodePerturbation(eta=1.0, noise=1e-3), 3000, error)
    left = np.sum((error - step * made) ** 2, axis=1).mean() / (error @ error)
    assert left == pytest.approx(known, abs=0.06)


def slow(state):
    state.reward[:] = -(ERROR @ ERROR)


def test_graded_exploratory_hebb_follows_the_error():
    """Slow means: E[xi (R - Rbar)] = 2 nu^2 delta."""
    rule = RewardHebbian(eta=1.0, noise=0.1, mean_ms=1e9, modulation="graded", fall_s=0.0)
    np.testing.assert_allclose(changes(rule, 4000, before=slow).mean(axis=0), 0.02 * ERROR, atol=0.0015)


def test_binary_exploratory_hebb_loses_the_size_of_the_error():
    """E[xi m] = nu / sqrt(2 pi) delta / |delta|; half the error gives the same."""
    rule = RewardHebbian(eta=1.0, noise=0.1, mean_ms=1e9, fall_s=0.0)
    made = changes(rule, 4000, before=slow).mean(axis=0)
    np.testing.assert_allclose(made, [0.0322, -0.0121, 0.0202], atol=0.004)

    def half(state):
        state.reward[:] = -(ERROR @ ERROR) / 4

    np.testing.assert_allclose(changes(rule, 4000, ERROR / 2, half).mean(axis=0), made, atol=0.004)


def test_a_fast_mean_keeps_its_share_of_the_noise_and_the_rate_falls():
    """Updated before use, a mean of gain .2 leaves .8 of the noise; after 20 s half the rate is left."""
    fast = RewardHebbian(eta=1.0, noise=0.1, mean_ms=-1 / np.log(0.8))
    made = changes(fast, 60, before=lambda state: state.reward.fill(-1e9))[:, 0]
    drawn = 0.1 * UNIT_SCALE * np.array([explore_reference(key_of(0), t, 3)[0] for t in range(60)])
    np.testing.assert_allclose(made * (1 + np.arange(60) / 20000), 0.8 * drawn, rtol=1e-12)
    late = changes(fast, 1, before=lambda state: state.reward.fill(-1e9), clock=20000)[0, 0]
    assert late == pytest.approx(
        0.4 * 0.1 * UNIT_SCALE * explore_reference(key_of(0), 20000, 3)[0], rel=1e-12
    )


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: TD(gate=Gate()), "gate.kind"),
        (lambda: TD(trace_ms=-1.0), "trace_ms"),
        (lambda: NodePerturbation(noise=0.0), "noise"),
        (lambda: RewardHebbian(modulation="some"), "modulation"),
        (lambda: Gate(kind="reward", undelivered="zero"), "undelivered"),
        (lambda: Gate(between=-1.0), "between"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(make, field):
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value).startswith(f"{field} = ")
