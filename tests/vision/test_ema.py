"""The average of a network's weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vision.training.ema import ExponentialMovingAverage


def test_it_is_the_average_that_tensorflow_keeps() -> None:
    """Over its early steps, all of which count."""
    variable, theirs = keras.Variable(np.zeros(3, np.float32)), tf.Variable(np.zeros(3, np.float32))
    steps = tf.Variable(0)
    average = ExponentialMovingAverage([variable], decay=0.8)
    oracle = tf.train.ExponentialMovingAverage(0.8, num_updates=steps)
    oracle.apply([theirs])
    rng = np.random.default_rng(0)
    for step in range(1, 65):
        value = rng.normal(size=3).astype(np.float32)
        for each, new in ((variable, value), (theirs, value), (steps, step)):
            each.assign(new)
        average.update(step)
        oracle.apply([theirs])
        assert np.asarray(average.values[0]) == pytest.approx(
            oracle.average(theirs).numpy(), abs=1e-5
        )


def test_the_first_steps_weigh_more_than_its_decay_says() -> None:
    variable = keras.Variable(np.float32(0.0))
    average = ExponentialMovingAverage([variable], decay=0.999)
    for step, value, expected in ((1, 11.0, 9.0), (2, 1.0, 3.0), (3, 16.0, 12.0)):
        variable.assign(value)
        average.update(step)
        assert np.asarray(average.values[0]) == pytest.approx(expected)


def test_later_it_looks_in_some_steps_only_and_forgets_as_fast() -> None:
    variable = keras.Variable(np.float32(0.0))
    average = ExponentialMovingAverage([variable], decay=0.999)
    start = 100_000
    average.restore([np.zeros((), np.float32)], start)
    variable.assign(1.0)
    for step in range(start + 1, start + 801):
        average.update(step)
    assert np.asarray(average.values[0]) == pytest.approx(1 - 0.999**800, abs=1e-4)


def test_what_it_began_with_is_soon_forgotten() -> None:
    variable = keras.Variable(np.float32(100.0))
    average = ExponentialMovingAverage([variable], decay=0.999)
    variable.assign(1.0)
    for step in range(1, 41):
        average.update(step)
    assert np.asarray(average.values[0]) == pytest.approx(1.0, abs=0.5)


def test_where_steps_are_told_of_by_many_it_forgets_as_fast() -> None:
    variable = keras.Variable(np.float32(0.0))
    average = ExponentialMovingAverage([variable], decay=0.999)
    start = 100_000
    average.restore([np.zeros((), np.float32)], start)
    variable.assign(1.0)
    for step in range(start + 32, start + 801, 32):
        average.update(step)
    assert np.asarray(average.values[0]) == pytest.approx(1 - 0.999**800, abs=1e-4)


def test_it_goes_on_after_a_kill_as_it_would_have_gone() -> None:
    """Also where steps are told of by many, and an epoch does not end with a full count."""
    variable = keras.Variable(np.float32(0.0))
    average = ExponentialMovingAverage([variable], decay=0.9)
    for step, value in ((70, 1.0), (106, 2.0), (110, 3.0)):
        variable.assign(value)
        average.update(step)
    resumed = ExponentialMovingAverage([variable], decay=0.9)
    resumed.restore(average.values, 110)
    variable.assign(5.0)
    average.update(142)
    resumed.update(142)
    assert np.asarray(resumed.values[0]) == np.asarray(average.values[0])


def test_it_does_not_follow_a_variable_before_it_is_told_to() -> None:
    variable = keras.Variable(np.float32(1.0))
    average = ExponentialMovingAverage([variable], decay=0.5)
    variable.assign(7.0)
    assert np.asarray(average.values[0]) == 1.0
