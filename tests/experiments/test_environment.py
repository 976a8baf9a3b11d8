"""Tasks as environments of gymnasium: its own checker, and what an agent sees, is told and earns."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from spikewhen.experiments.environment import TaskEnvironment
from spikewhen.paradigms import PARADIGMS, Meet, RewardTiming
from spikewhen.paradigms.base import bump
from spikewhen.reservoir.errors import InputError

SHORT = RewardTiming(
    scale=0.05,
    trials_per_block=3,
    sigma_ms=5.0,
    probes_every=3,
    probe_repeats=1,
    stimulus_drives_reservoir=True,
)
FEW: dict[str, dict] = {
    "meet": dict(trials_per_block=2),
    "reward_timing": dict(trials_per_block=3),
    "set_go": dict(trials_per_block=3),
    "transitions": dict(p_a=(0.5,), series=2, items=32),
    "graded_omission": dict(items=20, share_b=(0.0, 0.3, 0.6, 0.8), share_omitted=0.2),
    "ready_set_go": dict(trials_per_block=3),
    "local_global": dict(repeats=1, introductory=1, sequences=4, share_omitted=0.25),
    "neurogym": dict(environment="trial_world:TwoChoices", trials=4),
}
TASKS = {name: cls(**FEW.get(name, {})) for name, cls in PARADIGMS.items()}


def episode(environment, seed, act=None):
    """Observations, rewards and what was said of every step."""
    seen, _ = environment.reset(seed=seed)
    out, over = [], False
    while not over:
        action = np.zeros(environment.action_space.shape) if act is None else act(seen)
        after, reward, over, cut, info = environment.step(action)
        assert not cut
        out.append((seen, reward, info))
        seen = after
    return out


@pytest.mark.parametrize("name", TASKS)
def test_gymnasium_finds_nothing_wrong_with_a_shipped_task(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*(infinity|symmetric and normalized|not have a.*spec).*")
        check_env(TaskEnvironment(TASKS[name], step_ms=10.0), skip_render_check=True)


def test_an_episode_is_the_session_of_its_seed():
    environment, session = TaskEnvironment(SHORT, step_ms=1.0), SHORT.plan(1003, 1.0)
    steps = episode(environment, 1003)
    trial = np.array([info["trial"] for *_, info in steps])
    time = np.array([info["time_ms"] for *_, info in steps])
    assert np.array_equal(np.unique(trial), np.arange(session.trials.block.size))
    for i in range(session.trials.block.size):
        here = np.flatnonzero(trial == i)
        inside = here[time[here] > session.time_ms[0] - 1]
        assert here.size - inside.size == round(session.trials.interval_ms[i])
        np.testing.assert_allclose(time[inside], session.time_ms)
        seen = np.array([steps[s][0] for s in inside])
        np.testing.assert_allclose(seen, session.inputs(i), atol=1e-6)
        gt = np.array([steps[s][2]["gt"] for s in inside])
        np.testing.assert_allclose(gt, session.teaching(i).signal)
    assert [bool(info["new_trial"]) for *_, info in steps] == [*(np.diff(trial) > 0), True]


def test_the_truth_earns_nothing_less_than_nothing_and_silence_its_square():
    environment = TaskEnvironment(SHORT, step_ms=5.0)
    silent = episode(environment, 1000)
    for _, reward, info in silent:
        assert reward == pytest.approx(-np.mean(info["gt"] ** 2))
    assert sum(reward for _, reward, _ in silent) < -0.1
    truth = iter([info["gt"] for *_, info in silent])
    assert sum(reward for _, reward, _ in episode(environment, 1000, lambda _: next(truth))) == 0


def test_nothing_counts_after_an_event_that_ends_the_trial():
    stopped = RewardTiming(
        scale=0.05, trials_per_block=3, sigma_ms=5.0, probes_every=3, probe_repeats=1, event_ends_trial=True
    )
    session = stopped.plan(1000, 1.0)
    for _, reward, info in episode(TaskEnvironment(stopped, step_ms=1.0), 1000):
        at = session.trials.event_time_ms[info["trial"]]
        assert info["counts"] == (not info["time_ms"] >= at)
        assert info["counts"] or reward == 0


def test_events_are_in_the_order_of_their_names_whatever_channel_plays_them():
    task = Meet(trials_per_block=1, blocks=Meet().blocks[:1], stimulus_drives_reservoir=True)
    session = task.plan(1001, 1.0)
    assert session.channels.tolist() == [1, 0]
    environment = TaskEnvironment(task, step_ms=1.0)
    assert environment.events == session.events == ("A", "B")
    steps = [s for s in episode(environment, 1001) if s[2]["time_ms"] >= session.time_ms[0]]
    taught = np.array([info["gt"] for *_, info in steps])
    event, at = session.trials.event[0], session.trials.event_time_ms[0]
    np.testing.assert_allclose(
        taught[:, event], bump(session.time_ms, at, session.sigma_ms)[:, 0], atol=1e-12
    )


def test_seeds_without_a_number_are_drawn_and_said():
    environment = TaskEnvironment(SHORT, step_ms=5.0)
    environment.reset(seed=1000)
    drawn = [environment.reset()[1]["seed"] for _ in range(2)]
    environment.reset(seed=1000)
    assert drawn == [environment.reset()[1]["seed"] for _ in range(2)]
    assert drawn[0] != drawn[1] and min(drawn) >= 1000


def test_a_config_is_taken_by_its_name():
    assert TaskEnvironment("set_go.toml").events == ("go",)


def test_what_is_no_task_is_refused():
    with pytest.raises(InputError, match="source"):
        TaskEnvironment(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="step_ms"):
        TaskEnvironment(SHORT, step_ms=0.5)
    with pytest.raises(gymnasium.error.ResetNeeded):
        TaskEnvironment(SHORT).step(np.zeros(1))
