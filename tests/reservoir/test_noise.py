"""The counter-based generator: known answers, layout, moments, and no number used twice."""

import numpy as np
import pytest

from spikewhen.reservoir import noise
from spikewhen.reservoir.cpu.noise import fill_draws
from spikewhen.reservoir.noise import (
    PURPOSE_MEMBRANE,
    UNIT_SCALE,
    draws,
    quarter,
    threefry,
)

ONES = 0xFFFFFFFF
OTHER_PURPOSE = 2
PI = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0, 0x082EFA98, 0xEC4E6C89)
KNOWN = [  # threefry4x32 in kat_vectors of Random123 (Salmon et al. 2011): rounds, counter, key, words
    (13, (0,) * 4, (0,) * 4, (0x531C7E4F, 0x39491EE5, 0x2C855A92, 0x3D6ABF9A)),
    (13, (ONES,) * 4, (ONES,) * 4, (0xC4189358, 0x1C9CC83A, 0xD5881C67, 0x6A0A89E0)),
    (13, PI[:4], PI[4:], (0x4AA71D8F, 0x734738C2, 0x431FC6A8, 0xAE6DEBF1)),
    (20, (0,) * 4, (0,) * 4, (0x9C6CA96A, 0xE17EAE66, 0xFC10ECD4, 0x5256A7D8)),
    (20, (ONES,) * 4, (ONES,) * 4, (0x2A881696, 0x57012287, 0xF6C7446E, 0xA16A6732)),
    (20, PI[:4], PI[4:], (0x59CD1DBB, 0xB8879579, 0x86B5D00C, 0xAC8B6D84)),
    (72, PI[:4], PI[4:], (0x09930ADF, 0x7F27BD55, 0x9ED68CE1, 0x97F803F6)),
]


@pytest.mark.parametrize("rounds, counter, key, words", KNOWN)
def test_threefry_gives_the_published_answers(rounds, counter, key, words):
    assert tuple(map(int, threefry(counter, key, rounds))) == words


def test_twelve_rounds_are_thirteen_but_the_last():
    """The thirteenth adds words and turns them by the fifth pair of bits; nothing else is done in it."""
    x = [int(word) for word in threefry(PI[:4], PI[4:])]
    for of, by, bits in ((0, 1, 6), (2, 3, 20)):
        x[of] = (x[of] + x[by]) & ONES
        x[by] = ((x[by] << bits | x[by] >> (32 - bits)) & ONES) ^ x[of]
    assert tuple(x) == KNOWN[2][3]


def test_threefry_broadcasts_its_counters():
    groups = np.arange(5)
    together = threefry((groups, 7, 1, 3), (11, 12))
    one_by_one = [threefry((int(g), 7, 1, 3), (11, 12)) for g in groups]
    assert np.array_equal(np.stack(together), np.array(one_by_one).T)


def test_a_seed_of_64_bits_gives_both_key_words():
    assert noise.split_key(0x299F31D0A4093822) == (0xA4093822, 0x299F31D0)
    high, low = (draws(seed, 0, 0, PURPOSE_MEMBRANE, 64) for seed in (2**32 + 5, 5))
    assert not np.array_equal(high, low)


def digits(half_word: int) -> int:
    """Sum of four hexadecimal digits minus 30."""
    return sum(int(d, 16) for d in f"{half_word:04x}") - 30


@pytest.mark.parametrize("n", [1, 31, 32, 33, 100, 128, 129, 300])
@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**32, 12345678901234567890])
@pytest.mark.parametrize("pair", [0, 1, 2**32 - 1, 2**32 + 5])
def test_numba_equals_numpy(n, seed, pair):
    out = np.zeros(4 * quarter(n), np.uint32)
    fill_draws(out, 0, quarter(n), *noise.split_key(seed), pair, 3, PURPOSE_MEMBRANE)
    for half in (0, 1):
        found = (out[:n] >> np.uint32(16 * half) & np.uint32(0xFFFF)).astype(np.int64) - 30
        assert np.array_equal(found, draws(seed, 2 * pair + half, 3, PURPOSE_MEMBRANE, n))


@pytest.mark.parametrize("n, q", [(64, 32), (128, 32), (129, 64), (1000, 256)])
def test_word_q_of_group_g_belongs_to_neuron_q_quarters_plus_g(n, q):
    assert quarter(n) == q
    even, odd = (draws(5, d, 0, PURPOSE_MEMBRANE, n) for d in (18, 19))
    words = threefry((3, 9, 0, PURPOSE_MEMBRANE), (5, 0))
    here = range(3, n, q)
    assert even[3::q].tolist() == [digits(int(w) & 0xFFFF) for w in words[: len(here)]]
    assert odd[3::q].tolist() == [digits(int(w) >> 16) for w in words[: len(here)]]


@pytest.mark.parametrize("n", [1, 33, 40, 63, 127])
def test_neurons_keep_their_noise_whatever_the_padding(n):
    full = draws(5, 9, 2, PURPOSE_MEMBRANE, 128)
    assert np.array_equal(draws(5, 9, 2, PURPOSE_MEMBRANE, n), full[:n])


def sample(steps=2000, n=96):
    return UNIT_SCALE * np.array([draws(1, s, 0, PURPOSE_MEMBRANE, n) for s in range(steps)], float)


def test_noise_has_mean_0_variance_1_and_the_stated_tails():
    z = sample()
    standard_error = 1 / np.sqrt(z.size)
    assert abs(z.mean()) < 4 * standard_error
    assert abs(z.var() - 1) < 4 * standard_error * np.sqrt(1.7)
    assert abs((z**3).mean()) < 0.03
    assert (z**4).mean() - 3 == pytest.approx(-0.3, abs=0.05)
    assert np.abs(z).max() <= 30 * UNIT_SCALE < 3.26


def test_every_half_word_has_the_exact_distribution():
    """Over all 65,536 half words: mean 0, variance 85, excess kurtosis -1.2 (257 / 255) / 4."""
    word = np.arange(2**16, dtype=np.uint64)
    total = sum((word >> np.uint64(4 * q)) & np.uint64(15) for q in range(4)).astype(float) - 30
    assert total.mean() == 0 and total.var() == 85
    assert (total**4).mean() / 85**2 - 3 == pytest.approx(-0.3 * 257 / 255)


def test_noise_is_independent_over_neurons_steps_streams_and_purposes():
    z = sample()
    limit = 4.5 / np.sqrt(len(z))
    between_neurons = np.corrcoef(z.T) - np.eye(z.shape[1])
    assert np.abs(between_neurons).max() < limit + 0.02
    for lag in (1, 2, 10):
        assert abs(np.mean(z[lag:] * z[:-lag])) < 4 / np.sqrt(z.size)
    other = [
        UNIT_SCALE * np.array([draws(1, s, stream, purpose, 96) for s in range(500)])
        for stream, purpose in ((1, PURPOSE_MEMBRANE), (2, PURPOSE_MEMBRANE), (0, OTHER_PURPOSE))
    ]
    for a in other:
        assert abs(np.mean(a * z[:500])) < 4 / np.sqrt(a.size)


def test_no_half_word_is_used_twice(monkeypatch):
    """Each word serves one neuron on one stream for two draws, one from each half."""
    seen = []

    def spy(counter, key):
        seen.extend(zip(*(a.ravel().tolist() for a in np.broadcast_arrays(*counter)), strict=True))
        return threefry(counter, key)

    monkeypatch.setattr(noise, "threefry", spy)
    pairs = (0, 1, 15, 16, 2**32 - 1, 2**32, 2**32 + 1, 2**33)
    for pair in pairs:
        for stream in (0, 1, 2, 15, 16, 17, 1000):
            for purpose in (PURPOSE_MEMBRANE, OTHER_PURPOSE):
                draws(1, 2 * pair, stream, purpose, 64)
    assert len(seen) == 8 * 7 * 2 * 32
    assert len(set(seen)) == len(seen)
    assert max(max(c) for c in seen) <= ONES
    even = set(seen)
    seen.clear()
    for pair in pairs:
        draws(1, 2 * pair + 1, 0, PURPOSE_MEMBRANE, 64)
    assert set(seen) <= even  # the odd draw of a pair takes the other half of the same words
