"""The age loss falls towards the truth; rare examples count more."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vision.heads.losses import age_distribution_loss, balancing_weights


def gaussian(centre: float, sigma: float = 2.5) -> NDArray[np.float32]:
    density = np.exp(-((np.arange(101) - centre) ** 2) / (2 * sigma**2))
    shares: NDArray[np.float32] = (density / density.sum()).astype(np.float32)
    return shares


def test_the_age_loss_is_least_at_the_labels_own_distribution() -> None:
    loss = age_distribution_loss(101)
    candidates = np.stack([gaussian(30), gaussian(31), gaussian(45), gaussian(30, 6)])
    values = np.asarray(loss(np.full(4, 30), candidates))
    assert values.shape == (4,)
    assert values.argmin() == 0
    assert values[2] > values[3] > values[0]


def test_the_age_loss_is_cross_entropy_and_a_quarter_of_smooth_l1() -> None:
    shares, target = gaussian(40), gaussian(30)
    expected = -(target * np.log(np.clip(shares, 1e-7, 1))).sum() + 0.25 * (10 - 0.5)
    values = np.asarray(age_distribution_loss(101)(np.array([30]), shares[None]))
    assert values[0] == pytest.approx(expected, rel=1e-4)


def test_inverse_weights_give_every_value_the_same_sum() -> None:
    values = np.array([0] * 90 + [1] * 10)
    weights = balancing_weights(values, 1.0)
    assert weights.mean() == pytest.approx(1)
    assert weights[values == 0].sum() == pytest.approx(weights[values == 1].sum())


def test_no_strength_weighs_all_alike() -> None:
    assert balancing_weights(np.array([3, 3, 3, 7]), 0.0) == pytest.approx(np.ones(4))


def test_the_square_root_lies_between() -> None:
    weights = balancing_weights(np.array([0] * 90 + [1] * 10), 0.5)
    assert weights[-1] / weights[0] == pytest.approx(3)


def test_a_rare_age_among_common_ones_is_not_rare() -> None:
    ages = np.array([29] * 50 + [30] + [31] * 50 + [80])
    weights = balancing_weights(ages, 0.5, sigma=2.0)
    assert weights[50] < weights[-1] / 3
    assert weights[50] == pytest.approx(weights[0], rel=0.2)
